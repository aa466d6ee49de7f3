//! Prometheus's text format, read line by line without taking labels apart.

/// One sample as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line<'a> {
    /// Name and labels: `istio_requests_total{reporter="source"}`.
    pub(crate) head: &'a [u8],
    /// Name without labels and without the prefix that stock Envoy puts before it.
    pub(crate) name: &'a [u8],
    /// Value.
    pub(crate) value: f64,
}

/// The samples of a text. Comments, empty lines and lines that cannot be read are passed over.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or(&[]);
            if let Some(line) = read(line) {
                return Some(line);
            }
        }
    })
}

fn read(line: &[u8]) -> Option<Line<'_>> {
    if !line
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
    {
        return None;
    }
    // Nothing behind the labels has a brace, so the last one ends them whatever their values hold.
    let (name_end, head_end) = match memchr::memrchr(b'}', line) {
        Some(brace) => (memchr::memchr(b'{', line)?, brace + 1),
        None => {
            let space = memchr::memchr2(b' ', b'\t', line)?;
            if line[..space].contains(&b'{') {
                return None;
            }
            (space, space)
        }
    };
    let name = &line[..name_end];
    Some(Line {
        head: &line[..head_end],
        name: name.strip_prefix(b"envoy_").unwrap_or(name),
        value: number(line[head_end..].trim_ascii())?,
    })
}

/// The value, without the time that may follow it.
fn number(text: &[u8]) -> Option<f64> {
    let text = match memchr::memchr2(b' ', b'\t', text) {
        Some(end) => &text[..end],
        None => text,
    };
    // Counters are whole numbers most of the time.
    if text.len() <= 15 && !text.is_empty() && text.iter().all(u8::is_ascii_digit) {
        let number = text
            .iter()
            .fold(0u64, |number, digit| number * 10 + u64::from(digit - b'0'));
        return Some(number as f64);
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The labels of a head, in order, with escapes undone. Stops at the first thing that is no label.
pub(crate) fn labels(head: &[u8]) -> impl Iterator<Item = (&str, String)> {
    let start = memchr::memchr(b'{', head).map_or(head.len(), |brace| brace + 1);
    let mut rest = std::str::from_utf8(&head[start..]).unwrap_or("");
    std::iter::from_fn(move || {
        let (name, value) = rest.trim_start_matches([',', ' ']).split_once("=\"")?;
        let mut text = String::with_capacity(32);
        let mut chars = value.char_indices();
        loop {
            match chars.next()? {
                (end, '"') => {
                    rest = &value[end + 1..];
                    return Some((name, text));
                }
                (_, '\\') => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    escaped => text.push(escaped),
                },
                (_, c) => text.push(c),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_among_comments_and_rubbish() {
        let text = b"# HELP a b\n# TYPE a counter\na 1\nenvoy_b{x=\"}\",y=\"2\"} 2.5 1700000000000\n\nc{x=\"\"} +Inf\n{} 3\nd\ne{ 4\nf{} x\ng 1e3";
        let found: Vec<_> = lines(text)
            .map(|line| (String::from_utf8_lossy(line.name).into_owned(), line.value))
            .collect();
        let expect = [("a", 1.0), ("b", 2.5), ("c", f64::INFINITY), ("g", 1000.0)];
        assert_eq!(found, expect.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn labels_lose_their_escapes() {
        let head = br#"a{x="1",le="+Inf",q="a\"b\\c\nd}, z=\"",e="",}"#;
        let found: Vec<_> = labels(head).collect();
        let expect = [("x", "1"), ("le", "+Inf"), ("q", "a\"b\\c\nd}, z=\""), ("e", "")];
        assert_eq!(found, expect.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(labels(b"a").count(), 0);
        assert_eq!(labels(b"a{x=\"unended").count(), 0);
    }
}
