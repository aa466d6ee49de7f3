//! Which fields the kinds of Istio and of the Gateway API have: names, types, bounds and words.
//!
//! The table is written by `cargo xtask schemas` from the published definitions. A line is a field; its indentation
//! says whose. `VirtualService`'s weight reads `weight i max=4294967295`, a required host `host! s`. Types: `o` an
//! object, `O` one with more fields than are told, `m` a map (its values stand below as `*`), `[` a list (its items
//! as `-`), `s` a string, `i` a whole number, `n` a number, `b` a truth value, `I` a whole number or a string, `x`
//! anything. `enum=` has the words, `one=` fields of which one may be written.

mod check;

use std::{cell::RefCell, collections::HashMap, rc::Rc};

pub use check::{Violation, Wrong};

/// The definitions, as they were published.
const TABLE: &str = include_str!("schema/table.txt");

/// What the API server itself knows of every object.
const METADATA: &str = " metadata o
  annotations m
   * s
  creationTimestamp s
  deletionGracePeriodSeconds i
  deletionTimestamp s
  finalizers x
  generateName s
  generation i
  labels m
   * s
  managedFields x
  name s
  namespace s
  ownerReferences x
  resourceVersion s
  selfLink s
  uid s
 apiVersion s
 kind s
";

/// Fields that Istio reads and that no published definition has yet: kind (empty: any), the field that holds it (of
/// a list: its items), and the field.
const OVERLAY: [(&str, &str, &str); 4] = [
    (
        "RequestAuthentication",
        "jwtRules",
        "presence s enum=OPTIONAL|REQUIRED",
    ),
    ("", "tls", "ecdhCurves x"),
    ("DestinationRule", "loadBalancer", "backendUtilization x"),
    ("EnvoyFilter", "filterChain", "transportSocket x"),
];

/// Schemas by kind; each is read when it is first asked for.
pub struct Schemas {
    blocks: HashMap<(&'static str, &'static str), Vec<Block>>,
    read: RefCell<HashMap<*const u8, Rc<Schema>>>,
}

/// The lines of one kind for some of its versions.
#[derive(Clone, Copy)]
struct Block {
    versions: &'static str,
    lines: &'static str,
}

/// The fields of one kind.
#[derive(Debug)]
pub struct Schema {
    /// The first is the object itself.
    fields: Vec<Field>,
}

/// A field, a list's item or a map's value.
#[derive(Debug)]
struct Field {
    name: &'static str,
    required: bool,
    shape: Shape,
    bounds: Vec<Bound>,
    /// Words that may be written; empty for all.
    words: Vec<&'static str>,
    /// Fields of which one may be written.
    choices: Vec<Vec<&'static str>>,
    children: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Object,
    OpenObject,
    Map,
    List,
    Text,
    Int,
    Number,
    Bool,
    IntOrText,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Least(f64),
    Most(f64),
    /// Characters.
    Shortest(usize),
    Longest(usize),
    /// Items of a list, or entries of a map.
    Fewest(usize),
    MostItems(usize),
}

impl Default for Schemas {
    fn default() -> Self {
        let mut blocks: HashMap<(&str, &str), Vec<Block>> = HashMap::new();
        let mut rest = TABLE;
        while !rest.is_empty() {
            let (head, tail) = rest.split_once('\n').unwrap_or((rest, ""));
            let end = block_end(tail);
            let (lines, after) = tail.split_at(end);
            let mut words = head.splitn(3, ' ');
            if let (Some(group), Some(kind), Some(versions)) = (words.next(), words.next(), words.next())
                && group != "#"
            {
                blocks
                    .entry((group, kind))
                    .or_default()
                    .push(Block { versions, lines });
            }
            rest = after;
        }
        Self {
            blocks,
            read: RefCell::default(),
        }
    }
}

/// Where the lines that start with a blank end.
fn block_end(text: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if !line.starts_with(' ') {
            break;
        }
        end += line.len();
    }
    end
}

impl Schemas {
    /// The schema of a kind in a version; `None` when it is not known.
    pub fn find(&self, group: &str, kind: &str, version: &str) -> Option<Rc<Schema>> {
        let blocks = self.blocks.get(&(group, kind))?;
        let block = blocks
            .iter()
            .find(|block| block.versions.split(' ').any(|known| known == version))?;
        let mut read = self.read.borrow_mut();
        let schema = read
            .entry(block.lines.as_ptr())
            .or_insert_with(|| Rc::new(Schema::read(kind, block.lines)));
        Some(Rc::clone(schema))
    }

    /// Versions of a kind; empty when it is not known.
    pub fn versions(&self, group: &str, kind: &str) -> Vec<&'static str> {
        let blocks = self.blocks.get(&(group, kind)).into_iter().flatten();
        blocks.flat_map(|block| block.versions.split(' ')).collect()
    }

    /// All kinds: group and kind.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.blocks.keys().copied()
    }
}

impl Schema {
    fn read(kind: &str, lines: &'static str) -> Self {
        let mut fields = vec![Field {
            name: "",
            required: true,
            shape: Shape::Object,
            bounds: Vec::new(),
            words: Vec::new(),
            choices: Vec::new(),
            children: Vec::new(),
        }];
        // The way from the object to the line that was read last.
        let mut open = vec![0];
        for line in METADATA.lines().chain(lines.lines()) {
            let depth = line.len() - line.trim_start().len();
            let field = Field::read(line.trim_start());
            let index = fields.len();
            open.truncate(depth);
            if let Some(&parent) = open.last() {
                fields[parent].children.push(index);
            }
            open.push(index);
            fields.push(field);
        }
        let mut schema = Self { fields };
        for (of, holder, line) in OVERLAY {
            if of.is_empty() || of == kind {
                schema.overlay(holder, line);
            }
        }
        schema
    }
}

impl Schema {
    /// Adds a field to all that have a name, unless they have it.
    fn overlay(&mut self, holder: &str, line: &'static str) {
        let added = Field::read(line);
        for index in 0..self.fields.len() {
            let field = &self.fields[index];
            if field.name != holder {
                continue;
            }
            let holder = match (field.shape, field.children.as_slice()) {
                (Shape::List, [item]) => *item,
                (Shape::Object, _) => index,
                _ => continue,
            };
            let mut children = self.fields[holder].children.iter();
            if children.all(|&child| self.fields[child].name != added.name) {
                let child = self.fields.len();
                self.fields.push(Field::read(line));
                self.fields[holder].children.push(child);
            }
        }
    }
}

impl Field {
    fn read(line: &'static str) -> Self {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let shape = match words.next().unwrap_or_default() {
            "o" => Shape::Object,
            "O" => Shape::OpenObject,
            "m" => Shape::Map,
            "[" => Shape::List,
            "s" => Shape::Text,
            "i" => Shape::Int,
            "n" => Shape::Number,
            "b" => Shape::Bool,
            "I" => Shape::IntOrText,
            _ => Shape::Any,
        };
        let mut field = Self {
            name: name.strip_suffix('!').unwrap_or(name),
            required: name.ends_with('!'),
            shape,
            bounds: Vec::new(),
            words: Vec::new(),
            choices: Vec::new(),
            children: Vec::new(),
        };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let whole = value.parse();
            match key {
                "min" => field.bounds.extend(value.parse().map(Bound::Least)),
                "max" => field.bounds.extend(value.parse().map(Bound::Most)),
                "minlen" => field.bounds.extend(whole.map(Bound::Shortest)),
                "maxlen" => field.bounds.extend(whole.map(Bound::Longest)),
                "minitems" => field.bounds.extend(whole.map(Bound::Fewest)),
                "maxitems" => field.bounds.extend(whole.map(Bound::MostItems)),
                "enum" => field.words = value.split('|').collect(),
                "one" => field.choices.push(value.split('|').collect()),
                _ => (),
            }
        }
        field
    }
}

#[cfg(test)]
mod tests;
