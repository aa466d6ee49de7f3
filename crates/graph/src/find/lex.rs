//! Texts to tokens.

use super::{FindError, MAX_FIND};

/// One token and the characters before it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) at: usize,
    pub(super) token: Token,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A bare word: a name, a number, a unit.
    Word(String),
    /// Text in quotes.
    Quoted(String),
    Operator(Operator),
    /// `!`, or the word `not`.
    Not,
    And,
    Or,
    Open,
    Close,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Contains,
    NotContains,
    StartsWith,
    NotStartsWith,
    EndsWith,
    NotEndsWith,
}

impl Operator {
    /// Longest first, so that none hides another.
    const SIGNS: [(&'static str, Self); 13] = [
        ("!*=", Self::NotContains),
        ("!^=", Self::NotStartsWith),
        ("!$=", Self::NotEndsWith),
        ("!=", Self::NotEqual),
        (">=", Self::GreaterOrEqual),
        ("<=", Self::LessOrEqual),
        ("*=", Self::Contains),
        ("^=", Self::StartsWith),
        ("$=", Self::EndsWith),
        ("==", Self::Equal),
        ("=", Self::Equal),
        (">", Self::Greater),
        ("<", Self::Less),
    ];

    /// What `not` before the operator's word makes of it.
    pub(super) fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Contains => Self::NotContains,
            Self::NotContains => Self::Contains,
            Self::StartsWith => Self::NotStartsWith,
            Self::NotStartsWith => Self::StartsWith,
            Self::EndsWith => Self::NotEndsWith,
            Self::NotEndsWith => Self::EndsWith,
        }
    }

    /// Whether it compares sizes, which texts do not have.
    pub(super) fn orders(self) -> bool {
        matches!(
            self,
            Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual
        )
    }

    /// Whether it looks into texts, which numbers are not.
    pub(super) fn looks_into(self) -> bool {
        !self.orders() && !matches!(self, Self::Equal | Self::NotEqual)
    }
}

pub(super) fn lex(text: &str) -> Result<Vec<Placed>, FindError> {
    if text.len() > MAX_FIND {
        return Err(FindError {
            at: 0,
            message: format!("the expression is longer than {MAX_FIND} bytes"),
        });
    }
    let mut tokens = Vec::new();
    let (mut rest, mut at) = (text, 0);
    while let Some(first) = rest.chars().next() {
        let (token, taken) = match first {
            _ if first.is_whitespace() => (None, first.len_utf8()),
            '(' => (Some(Token::Open), 1),
            ')' => (Some(Token::Close), 1),
            '"' | '\'' => {
                let inner = rest[1..].split(first).next().unwrap_or_default();
                if inner.len() + 1 == rest.len() {
                    return Err(FindError {
                        at,
                        message: "this quote is not closed".to_owned(),
                    });
                }
                (Some(Token::Quoted(inner.to_owned())), inner.len() + 2)
            }
            _ => other(rest, at)?,
        };
        tokens.extend(token.map(|token| Placed { at, token }));
        at += rest[..taken].chars().count();
        rest = &rest[taken..];
    }
    Ok(tokens)
}

/// Operators, signs of logic and words.
fn other(rest: &str, at: usize) -> Result<(Option<Token>, usize), FindError> {
    let mut signs = Operator::SIGNS.iter();
    if let Some((sign, operator)) = signs.find(|(sign, _)| rest.starts_with(sign)) {
        return Ok((Some(Token::Operator(*operator)), sign.len()));
    }
    for (sign, token) in [("&&", Token::And), ("||", Token::Or), ("!", Token::Not)] {
        if rest.starts_with(sign) {
            return Ok((Some(token), sign.len()));
        }
    }
    let word = &rest[..rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())];
    let token = match word.to_ascii_lowercase().as_str() {
        "" => {
            let odd = rest.chars().next().unwrap_or_default();
            return Err(FindError {
                at,
                message: format!("`{odd}` means nothing here; put texts with odd characters in quotes"),
            });
        }
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Not,
        "contains" => Token::Operator(Operator::Contains),
        "startswith" => Token::Operator(Operator::StartsWith),
        "endswith" => Token::Operator(Operator::EndsWith),
        _ => Token::Word(word.to_owned()),
    };
    Ok((Some(token), word.len()))
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || "_-.:/%@+".contains(c)
}
