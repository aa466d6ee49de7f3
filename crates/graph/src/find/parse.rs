//! Tokens to an expression.

use super::{
    About, FindError, FindWord, Unit,
    lex::{Operator, Placed, Token, lex},
    words::Subject,
};

/// Deepest nesting: what is deeper nobody reads.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Not(Box<Expression>),
    Term(Term),
}

/// One question to a node or edge.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Term {
    pub(super) word: &'static FindWord,
    /// For an edge: which of its ends a word about nodes asks.
    pub(super) end: End,
    pub(super) test: Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Either,
    Source,
    Target,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Holds,
    Text(Operator, String),
    /// In the unit of the word.
    Number(Operator, f64),
    /// Whether the number is known.
    Known(bool),
}

impl Expression {
    pub(super) fn about(&self) -> About {
        match self {
            Self::Term(term) if term.end != End::Either => About::Edges,
            Self::Term(term) => term.word.about,
            Self::Not(inner) => inner.about(),
            Self::Any(parts) | Self::All(parts) => {
                let about = |wanted| parts.iter().any(|part| part.about() == wanted);
                if about(About::Edges) {
                    About::Edges
                } else if about(About::Nodes) {
                    About::Nodes
                } else {
                    About::Both
                }
            }
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Expression, FindError> {
    let mut parser = Parser {
        tokens: lex(text)?,
        next: 0,
        end: text.chars().count(),
        depth: 0,
    };
    let expression = parser.any()?;
    match parser.tokens.get(parser.next) {
        None => Ok(expression),
        Some(placed) => Err(FindError {
            at: placed.at,
            message: match placed.token {
                Token::Close => "this bracket closes nothing".to_owned(),
                _ => "`and` or `or` is missing before this".to_owned(),
            },
        }),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    /// Characters of the whole text.
    end: usize,
    depth: usize,
}

impl Parser {
    fn any(&mut self) -> Result<Expression, FindError> {
        self.several(&Token::Or, Expression::Any, Self::all)
    }

    fn all(&mut self) -> Result<Expression, FindError> {
        self.several(&Token::And, Expression::All, Self::one)
    }

    fn several(
        &mut self,
        between: &Token,
        make: fn(Vec<Expression>) -> Expression,
        part: fn(&mut Self) -> Result<Expression, FindError>,
    ) -> Result<Expression, FindError> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.take(between) {
            parts.push(part(self)?);
        }
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => make(parts),
        })
    }

    fn one(&mut self) -> Result<Expression, FindError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error_here(format!(
                "more than {MAX_DEPTH} brackets and negations in each other"
            )));
        }
        self.depth += 1;
        let expression = if self.take(&Token::Not) {
            Expression::Not(Box::new(self.one()?))
        } else if self.take(&Token::Open) {
            let inner = self.any()?;
            if !self.take(&Token::Close) {
                return Err(self.error_here("a closing bracket is missing".to_owned()));
            }
            inner
        } else {
            self.term()?
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn term(&mut self) -> Result<Expression, FindError> {
        let mut name = self.word("a word such as `name`, `error` or `failing`")?;
        if ["is", "has"]
            .iter()
            .any(|filler| name.1.eq_ignore_ascii_case(filler))
        {
            if self.take(&Token::Not) {
                self.next -= 1;
                return self.one();
            }
            name = self.word("a word such as `failing` or `idle`")?;
        }
        let (at, name) = name;
        let (end, plain) = match name.split_once('.') {
            Some((end, rest)) if ["source", "from"].contains(&end) => (End::Source, rest),
            Some((end, rest)) if ["target", "to", "destination"].contains(&end) => (End::Target, rest),
            _ => (End::Either, name.as_str()),
        };
        let word = FindWord::find(plain).ok_or_else(|| unknown(at, plain))?;
        if end != End::Either && word.about == About::Edges {
            return Err(FindError {
                at,
                message: format!("`{}` is about edges and has no ends", word.name),
            });
        }
        let operator_at = self.place();
        let test = match (self.operator(), word.subject) {
            (None, Subject::Flag) => Test::Holds,
            // As in Kiali, where they are a number in one place and a flag in the other.
            (None, Subject::Number(_)) if matches!(word.name, "http" | "grpc" | "tcp") => {
                Test::Number(Operator::Greater, 0.0)
            }
            (Some(_), Subject::Flag) => {
                return Err(FindError {
                    at: operator_at,
                    message: format!("`{}` is true or false and is compared with nothing", word.name),
                });
            }
            (None, Subject::Text | Subject::Number(_)) => {
                return Err(FindError {
                    at: operator_at,
                    message: format!(
                        "`{}` needs an operator and a value, such as `{}`",
                        word.name,
                        example(word)
                    ),
                });
            }
            (Some(operator), Subject::Text) if operator.orders() => {
                return Err(FindError {
                    at: operator_at,
                    message: format!(
                        "`{}` is a text: it takes =, !=, *= (contains), ^= (starts with) and $= (ends with)",
                        word.name
                    ),
                });
            }
            (Some(operator), Subject::Number(_)) if operator.looks_into() => {
                return Err(FindError {
                    at: operator_at,
                    message: format!("`{}` is a number: it takes =, !=, <, <=, > and >=", word.name),
                });
            }
            (Some(operator), Subject::Text) => Test::Text(operator, self.text()?.to_lowercase()),
            (Some(operator), Subject::Number(unit)) => self.number(operator, unit)?,
        };
        Ok(Expression::Term(Term { word, end, test }))
    }

    fn operator(&mut self) -> Option<Operator> {
        let operator = |token: Option<&Placed>| match token?.token {
            Token::Operator(operator) => Some(operator),
            _ => None,
        };
        if let Some(operator) = operator(self.tokens.get(self.next)) {
            self.next += 1;
            return Some(operator);
        }
        // `name not contains x`.
        let not = matches!(self.tokens.get(self.next)?.token, Token::Not);
        let negated = operator(self.tokens.get(self.next + 1)).filter(|_| not)?;
        self.next += 2;
        Some(negated.negated())
    }

    fn text(&mut self) -> Result<String, FindError> {
        match self.tokens.get(self.next).map(|placed| &placed.token) {
            Some(Token::Word(text) | Token::Quoted(text)) => {
                self.next += 1;
                Ok(text.clone())
            }
            _ => Err(self.error_here("a value is missing here".to_owned())),
        }
    }

    fn number(&mut self, operator: Operator, unit: Unit) -> Result<Test, FindError> {
        let at = self.place();
        let text = self.text()?;
        let known = matches!(operator, Operator::NotEqual);
        if text.eq_ignore_ascii_case("nan") && (known || operator == Operator::Equal) {
            return Ok(Test::Known(known));
        }
        let digits = text.find(|c: char| !(c.is_ascii_digit() || ".-+".contains(c)));
        let (digits, mut suffix) = text.split_at(digits.unwrap_or(text.len()));
        let number: f64 = digits.parse().map_err(|_| FindError {
            at,
            message: format!("`{text}` is no number"),
        })?;
        if suffix.is_empty()
            && let Some(Token::Word(next)) = self.tokens.get(self.next).map(|placed| &placed.token)
            && unit.factor(next).is_some()
        {
            suffix = next;
            self.next += 1;
        }
        let factor = unit.factor(suffix).ok_or_else(|| FindError {
            at,
            message: format!("`{suffix}` is no unit here; {}", unit.possible()),
        })?;
        Ok(Test::Number(operator, number * factor))
    }

    fn word(&mut self, wanted: &str) -> Result<(usize, String), FindError> {
        match self.tokens.get(self.next) {
            Some(Placed {
                at,
                token: Token::Word(word),
            }) => {
                self.next += 1;
                Ok((*at, word.clone()))
            }
            _ => Err(self.error_here(format!("{wanted} is missing here"))),
        }
    }

    fn take(&mut self, token: &Token) -> bool {
        let is = self
            .tokens
            .get(self.next)
            .is_some_and(|placed| placed.token == *token);
        self.next += usize::from(is);
        is
    }

    fn place(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |placed| placed.at)
    }

    fn error_here(&self, message: String) -> FindError {
        FindError {
            at: self.place(),
            message,
        }
    }
}

impl Unit {
    /// By what a number with this suffix is multiplied.
    fn factor(self, suffix: &str) -> Option<f64> {
        match (self, suffix) {
            (_, "")
            | (Self::Percent, "%")
            | (Self::Milliseconds, "ms")
            | (Self::PerSecond, "/s" | "rps")
            | (Self::BytesPerSecond, "B/s") => Some(1.0),
            (Self::Milliseconds, "s") | (Self::BytesPerSecond, "kB/s" | "KB/s") => Some(1e3),
            (Self::BytesPerSecond, "MB/s") => Some(1e6),
            _ => None,
        }
    }

    fn possible(self) -> &'static str {
        match self {
            Self::None => "it is a plain number",
            Self::Percent => "`%` is possible",
            Self::Milliseconds => "`ms` and `s` are possible",
            Self::PerSecond => "`/s` is possible",
            Self::BytesPerSecond => "`B/s`, `kB/s` and `MB/s` are possible",
        }
    }
}

fn unknown(at: usize, name: &str) -> FindError {
    let message = match name.to_ascii_lowercase().as_str() {
        "operation" | "op" => "`operation` is not on this graph: operations are not counted apart".to_owned(),
        "workloadentry" | "we" => {
            "`workloadentry` is not on this graph: such workloads are like others".to_owned()
        }
        label if label.starts_with("label:") => {
            "of labels only `label:app` and `label:version` are on the graph".to_owned()
        }
        _ => match FindWord::nearest(name) {
            Some(near) => format!("`{name}` is not known; did you mean `{near}`?"),
            None => format!("`{name}` is not known; see the help for all words"),
        },
    };
    FindError { at, message }
}

fn example(word: &FindWord) -> String {
    match word.subject {
        Subject::Number(Unit::Percent) => format!("{} > 1 %", word.name),
        Subject::Number(Unit::Milliseconds) => format!("{} > 200 ms", word.name),
        Subject::Number(_) => format!("{} > 10", word.name),
        _ => format!("{} = reviews", word.name),
    }
}
