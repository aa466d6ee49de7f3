//! Every key in one table: the handler, the help and the tests read it.

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Opens the help.
    Help,
    /// Closes the innermost thing that is open.
    Close,
    /// Next theme.
    Theme,
    /// Opens and closes the side bar.
    SideBar,
    /// Copies the address.
    CopyLink,
    /// Goes to the field that searches the page.
    Search,
    /// Opens and closes the scenarios.
    Scenarios,
    /// To the map.
    GoMap,
    /// To the services.
    GoServices,
    /// To the workloads.
    GoWorkloads,
    /// To the traces.
    GoTraces,
    /// To the config.
    GoConfig,
    /// To the sources.
    GoSources,
    /// Back.
    GoBack,
    /// Selects the next problem.
    NextProblem,
    /// Next kind of edge label.
    Label,
    /// Larger.
    ZoomIn,
    /// Smaller.
    ZoomOut,
    /// The whole map.
    Fit,
    /// Map or table.
    Table,
}

/// Where a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On every page.
    Everywhere,
    /// On the map.
    Map,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shortcut {
    /// Keys, one after the other, as the browser names them.
    pub(crate) keys: &'static [&'static str],
    /// What they do.
    pub(crate) action: Action,
    /// The same in words.
    pub(crate) words: &'static str,
    /// Where.
    pub(crate) place: Place,
}

const fn key(keys: &'static [&'static str], action: Action, words: &'static str, place: Place) -> Shortcut {
    Shortcut {
        keys,
        action,
        words,
        place,
    }
}

/// The table.
pub(crate) const SHORTCUTS: &[Shortcut] = &[
    key(
        &["g", "m"],
        Action::GoMap,
        "go to the traffic map",
        Place::Everywhere,
    ),
    key(
        &["g", "s"],
        Action::GoServices,
        "go to the services",
        Place::Everywhere,
    ),
    key(
        &["g", "w"],
        Action::GoWorkloads,
        "go to the workloads",
        Place::Everywhere,
    ),
    key(
        &["g", "t"],
        Action::GoTraces,
        "go to the traces",
        Place::Everywhere,
    ),
    key(
        &["g", "c"],
        Action::GoConfig,
        "go to the config",
        Place::Everywhere,
    ),
    key(
        &["g", "u"],
        Action::GoSources,
        "go to the sources",
        Place::Everywhere,
    ),
    key(&["g", "b"], Action::GoBack, "go back", Place::Everywhere),
    key(&["/"], Action::Search, "search the page", Place::Everywhere),
    key(
        &["y"],
        Action::CopyLink,
        "copy the link to this view",
        Place::Everywhere,
    ),
    key(
        &["t"],
        Action::Theme,
        "next theme: dark, light, contrast",
        Place::Everywhere,
    ),
    key(
        &["\\"],
        Action::SideBar,
        "open or close the side bar",
        Place::Everywhere,
    ),
    key(
        &["x"],
        Action::Scenarios,
        "open or close the scenarios (demo)",
        Place::Everywhere,
    ),
    key(&["?"], Action::Help, "this list", Place::Everywhere),
    key(
        &["Escape"],
        Action::Close,
        "close the innermost panel",
        Place::Everywhere,
    ),
    key(&["p"], Action::NextProblem, "select the next problem", Place::Map),
    key(&["l"], Action::Label, "next edge label", Place::Map),
    key(&["M"], Action::Table, "map or table", Place::Map),
    key(&["+"], Action::ZoomIn, "larger", Place::Map),
    key(&["-"], Action::ZoomOut, "smaller", Place::Map),
    key(&["0"], Action::Fit, "the whole map", Place::Map),
];

/// Keys that the map itself handles when it has the focus; they are only listed here.
pub(crate) const MAP_KEYS: [(&str, &str); 3] = [
    (
        "← →",
        "along the calls: callers to the left, callees to the right",
    ),
    ("↑ ↓", "among neighbours"),
    ("Enter", "open the panel of what is focused"),
];

/// Follows keys, also those that come one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyReader {
    before: Option<String>,
}

impl KeyReader {
    /// Takes a key that was pressed outside of fields without Ctrl, Alt or Meta.
    pub(crate) fn press(&mut self, key: &str, on_map: bool) -> Option<Action> {
        let before = self.before.take();
        let works = |shortcut: &&Shortcut| shortcut.place == Place::Everywhere || on_map;
        let sequence: Vec<&str> = before.as_deref().into_iter().chain([key]).collect();
        if let Some(found) = SHORTCUTS
            .iter()
            .filter(works)
            .find(|shortcut| shortcut.keys == sequence)
        {
            return Some(found.action);
        }
        if SHORTCUTS
            .iter()
            .any(|shortcut| shortcut.keys.len() > 1 && shortcut.keys[0] == key)
        {
            self.before = Some(key.to_owned());
            return None;
        }
        // A key that does not go on with a sequence counts for itself.
        SHORTCUTS
            .iter()
            .filter(works)
            .find(|shortcut| shortcut.keys == [key])
            .map(|shortcut| shortcut.action)
    }
}

/// A key as it is written in the help.
pub(crate) fn cap(key: &str) -> String {
    match key {
        "Escape" => "Esc".to_owned(),
        "M" => "Shift M".to_owned(),
        key => key.to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_actions_share_keys() {
        let mut seen = std::collections::HashSet::new();
        assert!(SHORTCUTS.iter().all(|shortcut| seen.insert(shortcut.keys)));
        let first_keys: Vec<_> = SHORTCUTS
            .iter()
            .filter(|s| s.keys.len() > 1)
            .map(|s| s.keys[0])
            .collect();
        assert!(
            SHORTCUTS
                .iter()
                .all(|s| s.keys.len() > 1 || !first_keys.contains(&s.keys[0]))
        );
    }

    #[test]
    fn keys_may_follow_each_other() {
        let mut reader = KeyReader::default();
        let pressed: Vec<_> = ["g", "m", "g", "x", "m", "?"]
            .map(|key| reader.press(key, false))
            .into();
        assert_eq!(
            pressed,
            [
                None,
                Some(Action::GoMap),
                None,
                Some(Action::Scenarios),
                None,
                Some(Action::Help)
            ]
        );
    }

    #[test]
    fn keys_of_the_map_work_only_there() {
        let mut reader = KeyReader::default();
        assert_eq!(reader.press("p", false), None);
        assert_eq!(reader.press("p", true), Some(Action::NextProblem));
    }
}
