//! What a scenario is expected to show: `expect.yaml` beside it, which only tests read.

use std::{fs, path::Path};

use vigla_config::{Document, Node, read_documents};

/// One `expect.yaml`.
pub struct Expectation(Document);

impl Expectation {
    /// Reads the expectation of an embedded scenario.
    pub fn of(scenario: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../assets/demo/scenarios")
            .join(scenario);
        let path = folder.join("expect.yaml");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut documents = read_documents("expect.yaml", &text).documents;
        assert_eq!(documents.len(), 1, "{} is one document", path.display());
        Self(documents.remove(0))
    }

    /// The text at a path such as `edge.source`.
    pub fn text(&self, path: &str) -> String {
        let node = path.split('.').try_fold(self.0.root(), Node::get);
        node.and_then(Node::text)
            .unwrap_or_else(|| panic!("expect.yaml has no text at {path}"))
            .to_owned()
    }

    /// The number at a path.
    pub fn number(&self, path: &str) -> f64 {
        self.text(path)
            .parse()
            .unwrap_or_else(|_| panic!("{path} is a number"))
    }

    /// The texts of the list at a path.
    pub fn texts(&self, path: &str) -> Vec<String> {
        let node = path.split('.').try_fold(self.0.root(), Node::get);
        let items = node.into_iter().flat_map(Node::items);
        items.filter_map(|item| item.text().map(str::to_owned)).collect()
    }
}
