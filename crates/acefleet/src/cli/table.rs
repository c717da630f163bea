//! Tables of text for a terminal: columns as wide as they need to be, cut where they would be too wide, and
//! nothing in them that moves the cursor.

use crate::settings::words::escaped;

/// One column.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// What is wider is cut.
    pub(super) most_chars: usize,
    /// Numbers stand at the right.
    pub(super) right: bool,
}

/// A column of text.
pub(super) const fn text(title: &'static str, most_chars: usize) -> Column {
    Column { title, most_chars, right: false }
}

/// A column of numbers.
pub(super) const fn number(title: &'static str, most_chars: usize) -> Column {
    Column { title, most_chars, right: true }
}

/// A text as it may be shown in at most so many columns of a terminal.
pub(super) fn cut(text: &str, most_chars: usize) -> String {
    let text = escaped(text);
    if text.chars().count() <= most_chars {
        return text;
    }
    text.chars().take(most_chars.saturating_sub(1)).chain(['…']).collect()
}

/// A table with a line of titles. After a row may follow a remark on a line of its own.
pub(super) fn table(columns: &[Column], rows: &[(Vec<String>, Option<String>)], width: usize) -> String {
    let titles = columns.iter().map(|column| column.title.to_owned()).collect();
    let cells = |row: &Vec<String>| -> Vec<String> {
        columns.iter().zip(row).map(|(column, cell)| cut(cell, column.most_chars)).collect()
    };
    let mut lines = vec![(cells(&titles), None)];
    lines.extend(rows.iter().map(|(row, remark)| (cells(row), remark.as_ref())));
    let widest = |at: usize| lines.iter().filter_map(|(row, _)| Some(row.get(at)?.chars().count())).max();
    let widths: Vec<usize> = (0..columns.len()).map(|at| widest(at).unwrap_or(0)).collect();
    let mut out = String::new();
    for (row, remark) in &lines {
        let mut line = String::new();
        for ((cell, column), width) in row.iter().zip(columns).zip(&widths) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let blanks = " ".repeat(width.saturating_sub(cell.chars().count()));
            if column.right {
                line.push_str(&blanks);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&blanks);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
        if let Some(remark) = remark {
            out.push_str("    ");
            out.push_str(&cut(remark, width.saturating_sub(4)));
            out.push('\n');
        }
    }
    out
}
