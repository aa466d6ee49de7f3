//! Colours for YAML, line by line: keys, numbers and comments. A reader's aid, not a parser.

/// What a piece of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// Spaces, dashes, values.
    Plain,
    /// A key.
    Key,
    /// A number, `true`, `false` or `null`.
    Number,
    /// A comment, or the line between documents.
    Dim,
}

impl Token {
    /// Class of its colour.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Plain => "code-str",
            Self::Key => "code-key",
            Self::Number => "code-num",
            Self::Dim => "code-dim",
        }
    }
}

/// Cuts a line into coloured pieces; together they are the line.
pub(crate) fn tokens(line: &str) -> Vec<(Token, &str)> {
    let body = line.trim_start_matches([' ', '-']);
    let (indent, body) = line.split_at(line.len() - body.len());
    if line.starts_with("---") || body.starts_with('#') {
        return vec![(Token::Dim, line)];
    }
    let (code, comment) = split_comment(body);
    let mut pieces = vec![(Token::Plain, indent)];
    match code
        .find(':')
        .filter(|&at| is_key(&code[..at]) && code[at + 1..].chars().next().is_none_or(|c| c == ' '))
    {
        Some(at) => {
            pieces.push((Token::Key, &code[..at]));
            pieces.push((Token::Plain, ":"));
            pieces.push((value(&code[at + 1..]), &code[at + 1..]));
        }
        None => pieces.push((value(code), code)),
    }
    pieces.push((Token::Dim, comment));
    pieces.retain(|(_, text)| !text.is_empty());
    pieces
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && !text.contains(['{', '[', ' ']) || text.starts_with(['"', '\''])
}

fn value(text: &str) -> Token {
    let word = text.trim();
    if word.parse::<f64>().is_ok_and(f64::is_finite) || matches!(word, "true" | "false" | "null") {
        Token::Number
    } else {
        Token::Plain
    }
}

fn split_comment(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, '#') if at == 0 || text[..at].ends_with(' ') => return text.split_at(at),
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_numbers_and_comments_are_told_apart() {
        let told = |line| {
            tokens(line)
                .into_iter()
                .map(|(token, text)| (token, text.trim().to_owned()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            told("  - subset: v4 # gone")[1..],
            [
                (Token::Key, "subset".into()),
                (Token::Plain, ":".into()),
                (Token::Plain, "v4".into()),
                (Token::Dim, "# gone".into()),
            ]
        );
        assert_eq!(told("    weight: 10").last().unwrap().0, Token::Number);
        assert_eq!(told("# all of it"), [(Token::Dim, "# all of it".into())]);
        assert_eq!(
            told("- http://a#b"),
            [(Token::Plain, "-".into()), (Token::Plain, "http://a#b".into())]
        );
        assert_eq!(told("---"), [(Token::Dim, "---".into())]);
    }

    proptest! {
        #[test]
        fn nothing_of_a_line_is_lost(line in ".{0,60}") {
            let joined: String = tokens(&line).into_iter().map(|(_, text)| text).collect();
            prop_assert_eq!(joined, line);
        }
    }
}
