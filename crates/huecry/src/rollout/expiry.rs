//! Filters that end: a Sigma filter with `expires: YYYY-MM-DD` (own extension) is left out after that day.

use crate::content::RuleFile;
use jiff::civil::Date;

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

/// `text` without the filters that ended before `today`; `None` where it has none. Lines keep their numbers.
pub(crate) fn without_expired(file: &str, text: &str, today: Date) -> Option<(String, Vec<ExpiredFilter>)> {
    // most files have none
    if !(text.contains("filter") && text.contains("expires")) {
        return None;
    }
    let expired: Vec<ExpiredFilter> = sigma::parse_documents(text, file)
        .into_iter()
        .filter_map(|document| match document {
            Ok(sigma::Document::Filter(filter)) => {
                let day = filter.expires.filter(|day| *day < today)?;
                Some(ExpiredFilter { file: file.to_owned(), line: filter.line, expires: day.to_string() })
            }
            _ => None,
        })
        .collect();
    if expired.is_empty() {
        return None;
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut kept = String::with_capacity(text.len());
    let mut number = 1;
    for document in lines.chunk_by(|_, line| !line.starts_with("---")) {
        let after = number + document.len();
        let is_over = expired.iter().any(|filter| (number..after).contains(&(filter.line as usize)));
        for line in document {
            kept.push_str(match (is_over, line.starts_with("---")) {
                (false, _) => line,
                (true, true) => "---\n",
                (true, false) => "\n",
            });
        }
        number = after;
    }
    Some((kept, expired))
}

/// The files without the filters that are over, and those filters.
pub(crate) fn in_force(files: &[RuleFile], now_ms: i64) -> (Vec<RuleFile>, Vec<ExpiredFilter>) {
    // a clock beyond the calendar says nothing of a day
    let Ok(now) = jiff::Timestamp::from_millisecond(now_ms) else { return (files.to_vec(), Vec::new()) };
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let mut expired = Vec::new();
    let kept = files.iter().map(|file| {
        let cut = file.text.as_ref().ok().and_then(|text| without_expired(&file.name, text, today));
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
        let filter = "logsource: {product: aws}\nfilter:\n  rules: [x]\n  s: {a: b}\n  condition: not s\n";
        let text = format!(
            "title: R\nlogsource: {{product: aws}}\ndetection:\n  filter: {{a: b}}\n  condition: filter\n\
             expires: 2020-01-01\n---\n# known\ntitle: F\n{filter}expires: '2026-03-01'  # renew\n\
             ---\ntitle: G\n{filter}expires: 2026-05-01\n--- # as JSON\n{{\"title\": \"H\", \"expires\": \"2026-06-01\",\n \
             \"logsource\": {{\"product\": \"aws\"}}, \"filter\": {{\"rules\": \"any\", \"s\": {{\"a\": 1}}, \"condition\": \"not s\"}}}}\n"
        );
        let (g, h) = (17, 25);
        let day = |text: &str| text.parse::<Date>().unwrap();
        for (today, lines) in [
            ("2026-03-01", vec![]),
            ("2026-03-02", vec![9]),
            ("2026-05-02", vec![9, g]),
            ("2026-06-02", vec![9, g, h]),
        ] {
            let cut = without_expired("f.yml", &text, day(today));
            let found: Vec<_> = cut.iter().flat_map(|(_, expired)| expired.iter().map(|e| e.line)).collect();
            assert_eq!(found, lines, "{today} {text}");
            if let Some((kept, _)) = cut {
                assert_eq!(kept.lines().count(), text.lines().count(), "lines keep their numbers");
                assert!(kept.contains("title: R") && !kept.contains("title: F"));
                let left = sigma::parse_documents(&kept, "f.yml").into_iter().filter_map(Result::ok);
                assert_eq!(left.count(), 4 - lines.len(), "{kept}");
            }
        }
        let forever = format!("title: F\n{filter}");
        assert_eq!(without_expired("f.yml", &forever, day("2099-01-01")), None);
        let wrong = format!("title: F\n{filter}expires: soon\n");
        assert_eq!(
            without_expired("f.yml", &wrong, day("2099-01-01")),
            None,
            "not a day: loading refuses it"
        );
    }
}
