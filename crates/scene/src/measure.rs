//! Widths of text. A browser measures with its own fonts; everybody else takes the table here.

/// Weight of a font.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weight {
    /// 400.
    #[default]
    Regular,
    /// 500.
    Medium,
    /// 600.
    Strong,
}

impl Weight {
    /// The number that CSS takes.
    pub fn css(self) -> u16 {
        match self {
            Self::Regular => 400,
            Self::Medium => 500,
            Self::Strong => 600,
        }
    }
}

/// Knows how wide text is.
pub trait Measure {
    /// Width in pixels of one line in the interface's sans serif font.
    fn width(&self, text: &str, size: f32, weight: Weight) -> f32;
}

/// Widths of a common sans serif font, a little on the wide side, for pictures that are made without a browser.
#[derive(Debug, Clone, Copy, Default)]
pub struct TableMeasure;

impl Measure for TableMeasure {
    fn width(&self, text: &str, size: f32, weight: Weight) -> f32 {
        let bold = match weight {
            Weight::Regular => 1.0,
            Weight::Medium => 1.03,
            Weight::Strong => 1.06,
        };
        let per_mille: f32 = text.chars().map(per_mille).sum();
        per_mille * size * bold / 1000.0
    }
}

/// Width of a letter in thousandths of the font's size.
fn per_mille(letter: char) -> f32 {
    match letter {
        '\u{202f}' => 200.0,
        'i' | 'j' | 'l' | '\'' | '|' => 250.0,
        ' ' | '.' | ',' | ':' | ';' | '!' | '·' | 'I' | '/' | '\\' => 290.0,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' => 350.0,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' | 'J' => 530.0,
        'm' | 'M' | 'W' | '@' | '%' => 880.0,
        'w' | 'G' | 'O' | 'Q' | 'C' | 'D' | 'H' | 'N' | 'U' => 750.0,
        letter if letter.is_ascii_uppercase() => 680.0,
        letter if letter.is_ascii() => 580.0,
        // Scripts with square letters are the widest that there are.
        _ => 1000.0,
    }
}

/// The text, or as much of it as fits with an ellipsis at its end.
pub fn cut(text: &str, width: f32, size: f32, weight: Weight, measure: &dyn Measure) -> String {
    if measure.width(text, size, weight) <= width {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    (0..letters.len())
        .rev()
        .map(|keep| letters[..keep].iter().collect::<String>() + "…")
        .find(|short| measure.width(short, size, weight) <= width)
        .unwrap_or_else(|| "…".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        let cut = |text, width| cut(text, width, 10.0, Weight::Regular, &TableMeasure);
        assert_eq!(cut("reviews", 100.0), "reviews");
        assert_eq!(cut("recommendation", 60.0), "recommen…");
        assert_eq!(cut("recommendation", 0.0), "…");
    }
}
