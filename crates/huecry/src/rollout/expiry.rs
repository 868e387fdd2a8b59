//! Filters that end: a Sigma filter with `expires: YYYY-MM-DD` (own extension) is left out after that day.

use crate::content::RuleFile;

/// A filter whose day is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpiredFilter {
    /// Its file.
    pub(crate) file: String,
    /// The line of its document's first key, from 1.
    pub(crate) line: u32,
    /// Its last day (UTC).
    pub(crate) expires: String,
}

/// `text` without the filters that ended before `today` (`YYYY-MM-DD`); `None` where it has none. Lines keep their
/// numbers.
pub(crate) fn without_expired(file: &str, text: &str, today: &str) -> Option<(String, Vec<ExpiredFilter>)> {
    // most files have none
    if !(text.contains("filter:") && text.contains("expires:")) {
        return None;
    }
    let (mut kept, mut expired) = (String::with_capacity(text.len()), Vec::new());
    let (mut document, mut first) = (Vec::new(), 1);
    let mut close = |document: &mut Vec<&str>, first: usize, kept: &mut String| {
        match end_of(document).filter(|day| day.as_str() < today) {
            None => document.iter().for_each(|line| kept.push_str(line)),
            Some(expires) => {
                let begins = document.iter().position(|line| is_key(line)).unwrap_or_default();
                let line = u32::try_from(first + begins).unwrap_or(u32::MAX);
                expired.push(ExpiredFilter { file: file.to_owned(), line, expires });
                document.iter().for_each(|_| kept.push('\n'));
            }
        }
        document.clear();
    };
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with("---") {
            close(&mut document, first, &mut kept);
            kept.push_str(line);
            first = number + 2;
        } else {
            document.push(line);
        }
    }
    close(&mut document, first, &mut kept);
    (!expired.is_empty()).then_some((kept, expired))
}

fn is_key(line: &str) -> bool {
    line.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The day of a document that is a filter and has one.
fn end_of(document: &[&str]) -> Option<String> {
    let value = |key: &str| document.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    value("filter")?;
    let day = value("expires")?.split('#').next()?.trim().trim_matches(['"', '\'']);
    day.parse::<jiff::civil::Date>().ok().map(|day| day.to_string())
}

/// The files without the filters that are over, and those filters.
pub(crate) fn in_force(files: &[RuleFile], now_ms: i64) -> (Vec<RuleFile>, Vec<ExpiredFilter>) {
    let today = super::service::date_of(now_ms.div_euclid(86_400_000));
    let mut expired = Vec::new();
    let kept = files.iter().map(|file| {
        let cut = file.text.as_ref().ok().and_then(|text| without_expired(&file.name, text, &today));
        match cut {
            None => file.clone(),
            Some((text, of_file)) => {
                expired.extend(of_file);
                RuleFile { name: file.name.clone(), text: Ok(text) }
            }
        }
    });
    (kept.collect(), expired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_ends_after_its_day_and_nothing_else_does() {
        let text = "title: R\nlogsource: {product: aws}\ndetection:\n  filter: {a: b}\n  condition: filter\n\
            expires: 2020-01-01\n---\n# known\ntitle: F\nfilter:\n  rules: [x]\nexpires: '2026-03-01'  # renew\n\
            ---\ntitle: G\nfilter:\n  rules: [x]\nexpires: 2026-05-01\n";
        for (today, lines) in [("2026-03-01", vec![]), ("2026-03-02", vec![9]), ("2026-05-02", vec![9, 14])] {
            let cut = without_expired("f.yml", text, today);
            let found: Vec<_> = cut.iter().flat_map(|(_, expired)| expired.iter().map(|e| e.line)).collect();
            assert_eq!(found, lines, "{today}");
            if let Some((kept, _)) = cut {
                assert_eq!(kept.lines().count(), text.lines().count(), "lines keep their numbers");
                assert!(kept.contains("title: R") && !kept.contains("title: F"));
            }
        }
        let forever = "title: F\nfilter:\n  rules: [x]\n";
        assert_eq!(without_expired("f.yml", forever, "2099-01-01"), None);
        let wrong = "title: F\nfilter:\n  rules: [x]\nexpires: soon\n";
        assert_eq!(without_expired("f.yml", wrong, "2099-01-01"), None, "not a day: it stays");
    }
}
