//! Which conditions of a VirtualService's `http` can never decide, because earlier ones take all their requests.

use vigla_config::{HttpMatch, HttpRule, Node, StringMatch, VirtualService};

/// How an earlier condition takes a later one's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// It asks for nothing.
    Nothing,
    /// It asks for something that every request meets, such as the prefix `/`.
    CatchAll,
    /// It asks for the same.
    Same,
    /// It asks for less.
    Less,
}

/// A rule, or one of its conditions, that can never decide.
pub(super) struct Shadowed<'a> {
    /// The condition, or the whole rule.
    pub(super) node: Node<'a>,
    /// Whether the whole rule is meant.
    pub(super) is_rule: bool,
    pub(super) by: By,
    /// The condition that takes its requests, or the rule without one.
    pub(super) earlier: Node<'a>,
}

/// One way into a rule: a condition, or the rule itself when it has none.
#[derive(Clone, Copy)]
struct Entry<'a> {
    rule: usize,
    node: Node<'a>,
    condition: Option<HttpMatch<'a>>,
}

/// Earlier conditions that a condition is compared with, so that a thousand rules do not take a million comparisons.
const MOST_COMPARED: usize = 200;

/// What can never decide, in order of the text.
pub(super) fn shadowed<'a>(service: VirtualService<'a>) -> Vec<Shadowed<'a>> {
    let mut found = Vec::new();
    let mut earlier: Vec<Entry<'a>> = Vec::new();
    let mut catch_all: Option<Entry<'a>> = None;
    for (index, rule) in service.http().enumerate() {
        let entries = entries_of(index, rule);
        let mut dead: Vec<Shadowed<'a>> = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let recent = earlier.iter().rev().take(MOST_COMPARED);
            // Among conditions of one rule only a repetition is told: a wider one beside a narrower does no harm.
            let beside = entries[..position]
                .iter()
                .find(|other| covers(other, entry) == Some(By::Same));
            let by = catch_all
                .iter()
                .chain(recent)
                .find_map(|other| Some((*other, covers(other, entry)?)))
                .or_else(|| beside.map(|other| (*other, By::Same)));
            if let Some((other, by)) = by {
                dead.push(Shadowed {
                    node: entry.node,
                    is_rule: false,
                    by,
                    earlier: other.node,
                });
            }
        }
        let from_earlier_rules = dead
            .iter()
            .all(|shadow| !entries.iter().any(|entry| entry.node == shadow.earlier));
        if dead.len() == entries.len() && from_earlier_rules {
            let by = strongest(&dead);
            let earlier = dead
                .iter()
                .find(|shadow| shadow.by == by)
                .map(|shadow| shadow.earlier);
            found.extend(earlier.map(|earlier| Shadowed {
                node: rule.node(),
                is_rule: true,
                by,
                earlier,
            }));
        } else {
            found.extend(dead);
        }
        // What a delegating rule takes is decided by the rules that it delegates to.
        if rule.field("delegate").is_none() {
            catch_all = catch_all.or_else(|| {
                let mut entries = entries.iter();
                entries.find(|entry| takes_everything(entry).is_some()).copied()
            });
            earlier.extend(entries);
        }
    }
    found
}

/// The word for a rule whose conditions are shadowed in several ways.
fn strongest(dead: &[Shadowed<'_>]) -> By {
    [By::Nothing, By::CatchAll, By::Less]
        .into_iter()
        .find(|&by| dead.iter().any(|shadow| shadow.by == by))
        .unwrap_or(By::Same)
}

fn entries_of<'a>(index: usize, rule: HttpRule<'a>) -> Vec<Entry<'a>> {
    let entries: Vec<Entry<'a>> = rule
        .matches()
        .map(|condition| Entry {
            rule: index,
            node: condition.node(),
            condition: Some(condition),
        })
        .collect();
    if entries.is_empty() {
        return vec![Entry {
            rule: index,
            node: rule.node(),
            condition: None,
        }];
    }
    entries
}

/// Whether a condition takes all requests, and how.
fn takes_everything(entry: &Entry<'_>) -> Option<By> {
    let Some(condition) = entry.condition else {
        return Some(By::Nothing);
    };
    let asked: Vec<&str> = asked(condition).collect();
    match asked.as_slice() {
        [] => Some(By::Nothing),
        ["uri"] => is_any(condition.string("uri")?).then_some(By::CatchAll),
        _ => None,
    }
}

/// The fields of a condition that ask for something.
fn asked<'a>(condition: HttpMatch<'a>) -> impl Iterator<Item = &'a str> {
    condition
        .node()
        .entries()
        .filter(|(key, node)| !matches!(*key, "name" | "statPrefix" | "ignoreUriCase") && !is_empty(*node))
        .map(|(key, _)| key)
}

/// Whether a value says nothing.
fn is_empty(node: Node<'_>) -> bool {
    let no_fields = node.is_mapping() && node.entries().next().is_none();
    let no_items = node.is_sequence() && node.items().next().is_none();
    node.is_null() || no_fields || no_items
}

/// Every path starts with `/`.
fn is_any(path: StringMatch<'_>) -> bool {
    matches!(
        path,
        StringMatch::Prefix("/" | "") | StringMatch::Regex(".*" | "/.*" | "^.*$" | "^/.*$" | ".+" | "/?.*")
    )
}

/// How one condition takes all requests of another.
fn covers(wide: &Entry<'_>, narrow: &Entry<'_>) -> Option<By> {
    if let Some(by) = takes_everything(wide) {
        // A rule for everything behind another one for everything is the same.
        return match (takes_everything(narrow), wide.rule == narrow.rule) {
            (Some(_), _) => Some(By::Nothing).filter(|_| by == By::Nothing).or(Some(by)),
            (None, false) => Some(by),
            (None, true) => None,
        };
    }
    let (wide, narrow) = (wide.condition?, narrow.condition?);
    let implied = asked(wide).all(|key| implies(narrow, wide, key));
    implied.then(|| {
        let same = asked(narrow).all(|key| implies(wide, narrow, key));
        if same { By::Same } else { By::Less }
    })
}

/// Whether what `narrow` asks for under a key is all that `wide` asks for there.
fn implies(narrow: HttpMatch<'_>, wide: HttpMatch<'_>, key: &str) -> bool {
    match key {
        "uri" | "scheme" | "method" | "authority" => {
            let (Some(left), Some(right)) = (narrow.string(key), wide.string(key)) else {
                return false;
            };
            let (loose, loose_too) = (wide.ignore_uri_case(), narrow.ignore_uri_case());
            if key == "uri" && loose_too && !loose {
                return false;
            }
            is_narrower(left, right, key == "uri" && loose)
        }
        "headers" | "queryParams" => wide.named(key).all(|(name, asked)| {
            narrow
                .named(key)
                .filter(|(other, _)| same_name(key, name, other))
                .any(|(_, has)| match (has, asked) {
                    (_, None) => true,
                    (Some(has), Some(asked)) => is_narrower(has, asked, false),
                    (None, Some(_)) => false,
                })
        }),
        "withoutHeaders" => wide.named(key).all(|(name, asked)| {
            narrow
                .named(key)
                .filter(|(other, _)| same_name(key, name, other))
                .any(|(_, has)| has.is_none() || has == asked)
        }),
        "sourceLabels" => {
            let labels = narrow.source_labels();
            crate::mesh::meets(&wide.source_labels(), &labels)
        }
        "gateways" => {
            let of = |condition: HttpMatch<'_>| condition.gateways().map(str::to_owned).collect::<Vec<_>>();
            let (narrow, wide) = (of(narrow), of(wide));
            !narrow.is_empty() && narrow.iter().all(|name| wide.contains(name))
        }
        // Anything else must be the same word for word.
        _ => match (narrow.field(key), wide.field(key)) {
            (Some(left), Some(right)) => left.same_content(right),
            _ => false,
        },
    }
}

fn same_name(key: &str, left: &str, right: &str) -> bool {
    if key == "queryParams" {
        left == right
    } else {
        left.eq_ignore_ascii_case(right)
    }
}

fn is_narrower(narrow: StringMatch<'_>, wide: StringMatch<'_>, ignore_case: bool) -> bool {
    let fold = |text: &str| {
        if ignore_case {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    };
    match (narrow, wide) {
        (StringMatch::Exact(left), StringMatch::Exact(right)) => fold(left) == fold(right),
        (StringMatch::Exact(left) | StringMatch::Prefix(left), StringMatch::Prefix(right)) => {
            fold(left).starts_with(&fold(right))
        }
        (_, StringMatch::Regex(".*")) => true,
        (StringMatch::Regex(left), StringMatch::Regex(right)) => left == right,
        _ => false,
    }
}
