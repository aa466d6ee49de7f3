//! Colours by what they mean. A painter maps roles to CSS variables; the SVG writer to the values of a theme.

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Paint {
    /// The ground of the page.
    Page,
    /// Panels, badges.
    Surface,
    /// The ground of boxes: a surface that lets the page shine through.
    BoxGround,
    /// Cards.
    Card,
    /// Outlines of cards and boxes.
    Outline,
    /// Thin separators, outlines of label pills.
    Hairline,
    /// Names.
    Text,
    /// Second lines.
    TextMuted,
    /// Counts, icons.
    TextFaint,
    /// Selection.
    Accent,
    /// The ground of what is selected.
    AccentSoft,
    /// Around a selected line.
    AccentHalo,
    /// Failing.
    Error,
    /// The ground of an alarm.
    ErrorSoft,
    /// The outline of an alarm.
    ErrorLine,
    /// Degraded, plain text.
    Warn,
    /// The ground of a warning.
    WarnSoft,
    /// The outline of a warning.
    WarnLine,
    /// Not known.
    Unknown,
    /// Calls.
    Edge,
    /// Calls under the pointer.
    EdgeStrong,
}

impl Paint {
    /// Every role, for a painter that reads all colours once per theme.
    pub const ALL: [Self; 21] = [
        Self::Page,
        Self::Surface,
        Self::BoxGround,
        Self::Card,
        Self::Outline,
        Self::Hairline,
        Self::Text,
        Self::TextMuted,
        Self::TextFaint,
        Self::Accent,
        Self::AccentSoft,
        Self::AccentHalo,
        Self::Error,
        Self::ErrorSoft,
        Self::ErrorLine,
        Self::Warn,
        Self::WarnSoft,
        Self::WarnLine,
        Self::Unknown,
        Self::Edge,
        Self::EdgeStrong,
    ];

    /// The CSS variable that holds the colour.
    pub fn css_variable(self) -> &'static str {
        match self {
            Self::Page => "--bg",
            Self::Surface | Self::BoxGround => "--surface",
            Self::Card => "--raised",
            Self::Outline => "--line-strong",
            Self::Hairline => "--line",
            Self::Text => "--text",
            Self::TextMuted => "--text-2",
            Self::TextFaint => "--text-3",
            Self::Accent | Self::AccentHalo => "--accent",
            Self::AccentSoft => "--accent-soft",
            Self::Error => "--err",
            Self::ErrorSoft => "--err-soft",
            Self::ErrorLine => "--err-line",
            Self::Warn => "--warn",
            Self::WarnSoft => "--warn-soft",
            Self::WarnLine => "--warn-line",
            Self::Unknown => "--unknown",
            Self::Edge => "--edge",
            Self::EdgeStrong => "--edge-strong",
        }
    }

    /// Opacity, from 0.0 to 1.0.
    pub fn alpha(self) -> f32 {
        match self {
            Self::BoxGround => 0.55,
            Self::AccentHalo => 0.22,
            _ => 1.0,
        }
    }
}

/// Values of the roles for pictures without a style sheet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// Light on dark.
    #[default]
    Dark,
    /// Dark on light.
    Light,
}

impl Theme {
    /// The colour as `#rrggbb`.
    pub fn color(self, paint: Paint) -> &'static str {
        let (dark, light) = match paint {
            Paint::Page => ("#0b0d11", "#f6f7f9"),
            Paint::Surface | Paint::BoxGround => ("#11141a", "#ffffff"),
            Paint::Card => ("#181c24", "#ffffff"),
            Paint::Outline => ("#37404f", "#c9d0d9"),
            Paint::Hairline => ("#222834", "#e5e8ed"),
            Paint::Text => ("#e9ecf1", "#12161d"),
            Paint::TextMuted => ("#abb3c0", "#454e5c"),
            Paint::TextFaint => ("#8c95a4", "#5f6876"),
            Paint::Accent | Paint::AccentHalo => ("#74a9ff", "#1b5bcb"),
            Paint::AccentSoft => ("#152338", "#e8f0fd"),
            Paint::Error => ("#ff7a70", "#bb2530"),
            Paint::ErrorSoft => ("#2d1617", "#fdebeb"),
            Paint::ErrorLine => ("#713433", "#efb4b4"),
            Paint::Warn => ("#e2b04a", "#855800"),
            Paint::WarnSoft => ("#2a2212", "#fdf3dc"),
            Paint::WarnLine => ("#5c4a1e", "#e6cd92"),
            Paint::Unknown => ("#9aa3b2", "#5c6573"),
            Paint::Edge => ("#5b6679", "#868f9d"),
            Paint::EdgeStrong => ("#8591a5", "#667182"),
        };
        match self {
            Self::Dark => dark,
            Self::Light => light,
        }
    }
}
