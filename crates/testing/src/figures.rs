//! Figures of measurements: order statistics, and the one table that every `cargo xtask bench` prints.

use std::fmt;

/// The value below which a share `q` (0.0 to 1.0) of the others lies; `None` without values.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f64 * q).round() as usize])
}

/// The middle value; `None` without values.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// What a measurement found, to be printed at its end.
#[derive(Debug, Clone)]
pub struct Report {
    command: String,
    rows: Vec<[String; 4]>,
    notes: Vec<String>,
}

impl Report {
    /// An empty report of `cargo xtask bench NAME`.
    pub fn new(name: &str) -> Self {
        let titles = ["id", "what", "measured", "bar"].map(str::to_owned);
        Self {
            command: format!("cargo xtask bench {name}"),
            rows: vec![titles],
            notes: Vec::new(),
        }
    }

    /// Adds a figure. An empty `bar` is a figure that nothing is asked of.
    pub fn row(&mut self, id: &str, what: &str, measured: impl fmt::Display, bar: &str) {
        self.rows.push([
            id.to_owned(),
            what.to_owned(),
            measured.to_string(),
            bar.to_owned(),
        ]);
    }

    /// Adds a sentence below the table: how it was measured, or how steady it is.
    pub fn note(&mut self, note: impl fmt::Display) {
        self.notes.push(note.to_string());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let widths = self.rows.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or(0)
        };
        let widths = [0, 1, 2].map(width);
        writeln!(f, "{}", self.command)?;
        for [id, what, measured, bar] in &self.rows {
            let line = format!(
                "  {id:<0$}  {what:<1$}  {measured:<2$}  {bar}",
                widths[0], widths[1], widths[2]
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics_are_values_that_were_measured() {
        let values = [5.0, 1.0, 9.0, 3.0, 7.0];
        assert_eq!(median(&values), Some(5.0));
        assert_eq!(quantile(&values, 0.9), Some(9.0));
        assert_eq!(quantile(&values, 0.0), Some(1.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_report_has_the_command_the_columns_and_the_notes() {
        let mut report = Report::new("push");
        report.row("P18", "route edit", "12 ms", "≤ 50 ms");
        report.note("25 edits");
        let lines: Vec<String> = report.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "cargo xtask bench push");
        assert_eq!(lines[1], "  id   what        measured  bar");
        assert_eq!(lines[2], "  P18  route edit  12 ms     ≤ 50 ms");
        assert_eq!(lines[3], "  25 edits");
    }
}
