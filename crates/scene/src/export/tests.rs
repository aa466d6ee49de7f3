use insta::assert_snapshot;

use super::{to_csv, to_dot, to_mermaid};
use crate::tests::sample::bookinfo;

#[test]
fn every_language_has_the_same_edges() {
    let view = bookinfo();
    let (csv, dot, mermaid) = (to_csv(&view), to_dot(&view), to_mermaid(&view));
    assert_eq!(csv.lines().count(), view.edges.len() + 1);
    assert_eq!(dot.matches(" -> ").count(), view.edges.len());
    assert_eq!(mermaid.matches(" -->").count(), view.edges.len());
    assert_snapshot!("csv", csv.replace("\r\n", "\n"));
    assert_snapshot!("dot", dot);
    assert_snapshot!("mermaid", mermaid);
}

#[test]
fn odd_names_do_not_break_out() {
    let mut view = bookinfo();
    let node = view
        .nodes
        .values_mut()
        .find(|node| node.workload.is_some())
        .unwrap();
    node.workload = Some("=a\",b\\<#]".into());
    assert!(to_csv(&view).contains("\"'=a\"\",b\\<#]\""), "{}", to_csv(&view));
    assert!(to_dot(&view).contains("=a\\\",b\\\\<#]"), "{}", to_dot(&view));
    assert!(
        to_mermaid(&view).contains("=a#quot;,b\\#lt;#35;]"),
        "{}",
        to_mermaid(&view)
    );
}
