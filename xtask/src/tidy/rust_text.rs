//! As much of the Rust language as the checks need: where comments, strings, functions and tests are.
//!
//! A parser crate would cost more to build than all of xtask; the compiler has judged the syntax already.

/// A `.rs` file taken apart.
pub(crate) struct RustText {
    /// The text with comments and the insides of strings blanked; lines and columns stay.
    pub(crate) code: String,
    pub(crate) functions: Vec<Function>,
    /// Lines of items that are compiled for tests only.
    test_lines: Vec<(usize, usize)>,
    /// `mod name;` declared for tests only.
    test_module_names: Vec<String>,
    /// The whole file is for tests.
    pub(crate) is_test_file: bool,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The line with `fn`, counted from 1.
    pub(crate) line: usize,
    /// The line with the closing brace.
    pub(crate) last_line: usize,
    /// The first characters of the body's code.
    pub(crate) body_start: String,
}

impl Function {
    pub(crate) fn lines(&self) -> usize {
        self.last_line - self.line + 1
    }
}

/// Whether files at `path` are compiled for tests, by the customs of cargo and of this house: a
/// conformance suite is a test that lives beside its trait.
pub(crate) fn is_test_path(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    stem == "tests"
        || stem == "conformance"
        || stem.ends_with("_tests")
        || parts.any(|folder| matches!(folder, "tests" | "benches" | "examples" | "fuzz" | "conformance"))
}

impl RustText {
    pub(crate) fn parse(path: &str, text: &str) -> Self {
        let code = blank_comments_and_strings(text);
        let mut found = Self {
            functions: functions(&code),
            test_lines: Vec::new(),
            test_module_names: Vec::new(),
            is_test_file: is_test_path(path) || code.contains("#![cfg(test)]"),
            code,
        };
        found.find_test_items();
        found
    }

    /// Whether `line` (from 1) is compiled for tests only.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.is_test_file || self.test_lines.iter().any(|&(first, last)| (first..=last).contains(&line))
    }

    /// The lines of code that go into the product, numbered from 1.
    pub(crate) fn product_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.code.split('\n').enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|&(line, _)| !self.is_test_line(line))
    }

    /// The innermost function around `line`.
    pub(crate) fn function_at(&self, line: usize) -> Option<&Function> {
        let around = self.functions.iter().filter(|f| (f.line..=f.last_line).contains(&line));
        around.min_by_key(|f| f.lines())
    }

    /// Paths without `.rs` of the modules that the file at `path` declares for tests only.
    pub(crate) fn test_modules(&self, path: &str) -> Vec<String> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let stem = name.strip_suffix(".rs").unwrap_or(name);
        let children = match stem {
            "lib" | "main" | "mod" => folder.to_owned(),
            _ => format!("{folder}/{stem}"),
        };
        self.test_module_names.iter().map(|module| format!("{children}/{module}")).collect()
    }

    fn find_test_items(&mut self) {
        for attribute in ["#[cfg(test)]", "#[cfg(all(test", "#[cfg(any(test", "#[test]", "#[tokio::test"] {
            for (start, _) in self.code.match_indices(attribute) {
                let end = item_end(self.code.as_bytes(), start);
                let (first, last) = (line_at(&self.code, start), line_at(&self.code, end));
                self.test_lines.push((first, last));
                let item = &self.code[start..end.min(self.code.len())];
                if let Some((_, rest)) = item.split_once("mod ")
                    && let Some(name) = rest.strip_suffix(';')
                {
                    self.test_module_names.push(name.trim().to_owned());
                }
            }
        }
    }
}

/// The line of a byte offset, from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Offsets of `word` in `code` where it is not part of a longer word.
pub(crate) fn word_offsets<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let continues = |neighbour: Option<&u8>| neighbour.is_some_and(|&byte| is_word_byte(byte));
        let ends_in_word = continues(word.as_bytes().last());
        let part_of_longer = continues(at.checked_sub(1).and_then(|before| bytes.get(before)))
            || (ends_in_word && continues(bytes.get(at + word.len())));
        !part_of_longer
    })
}

/// Blanks comments and what stands between quotes; the quotes themselves stay.
fn blank_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let Some((length, inside)) = opaque(bytes, at) else {
            at += 1;
            continue;
        };
        for byte in out[at..].iter_mut().take(inside.end).skip(inside.start) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at += length;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The length of the comment or literal that starts at `at`, and which part of it is not code.
fn opaque(bytes: &[u8], at: usize) -> Option<(usize, std::ops::Range<usize>)> {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => Some(line_comment(rest)).map(|length| (length, 0..length)),
        [b'/', b'*', ..] => Some(block_comment(rest)).map(|length| (length, 0..length)),
        [b'"', ..] => Some(quoted(rest)).map(|length| (length, 1..length - 1)),
        [b'r', b'"' | b'#', ..] if !follows_word(bytes, at) => {
            raw_string(rest).map(|(open, length)| (length, open..length - open + 1))
        }
        [b'\'', ..] => char_literal(rest).map(|length| (length, 1..length - 1)),
        _ => None,
    }
}

/// Whether the byte before `at` continues a word; `b` and `c` before a raw string do not count.
fn follows_word(bytes: &[u8], at: usize) -> bool {
    let byte = |back: usize| at.checked_sub(back).map(|i| bytes[i]);
    match byte(1) {
        Some(b'b' | b'c') => byte(2).is_some_and(is_word_byte),
        Some(other) => is_word_byte(other),
        None => false,
    }
}

fn line_comment(rest: &[u8]) -> usize {
    rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a string with escapes, quotes included.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len() + 1
}

/// The length of `r##"` and of the whole raw string, if one starts here.
fn raw_string(rest: &[u8]) -> Option<(usize, usize)> {
    let hashes = rest[1..].iter().take_while(|&&byte| byte == b'#').count();
    let open = hashes + 2;
    if rest.get(open - 1) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'#'; hashes + 1];
    close[0] = b'"';
    let body = &rest[open..];
    let inside = body.windows(close.len()).position(|window| window == close)?;
    Some((open, open + inside + close.len()))
}

/// The length of a character literal, if this quote does not start a lifetime.
fn char_literal(rest: &[u8]) -> Option<usize> {
    let inside = match rest.get(1)? {
        b'\\' => 2 + rest[3..].iter().position(|&byte| byte == b'\'')?,
        b'\'' => return None,
        &first => match first.leading_ones() {
            0 => 1,
            wide => wide as usize,
        },
    };
    (rest.get(inside + 1) == Some(&b'\'')).then_some(inside + 2)
}

/// The offset just past the item that starts at `start`: its matching brace, or its `;`.
fn item_end(code: &[u8], start: usize) -> usize {
    let (mut braces, mut others) = (0usize, 0usize);
    for (at, byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => others += 1,
            b')' | b']' => others = others.saturating_sub(1),
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 && others == 0 {
                    return at + 1;
                }
            }
            b';' if braces == 0 && others == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for at in word_offsets(code, "fn") {
        let name: String =
            code[at + 2..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let end = item_end(code.as_bytes(), at);
        let text = &code[at..end];
        // `fn(u8) -> u8` is a type, `fn name();` has no body
        if name.is_empty() || text.ends_with(';') {
            continue;
        }
        let body = text.split_once('{').map_or("", |(_, body)| body).trim_start();
        found.push(Function {
            name,
            line: line_at(code, at),
            last_line: line_at(code, end),
            body_start: body.chars().take(8).collect(),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_in_place() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 'z')"#, r#"f("    ", ' ')"#),
            (r##"r#"a"b"# + c"##, r##"r#"   "# + c"##),
            (r#"br"\" + "x""#, r#"br" " + " ""#),
            ("fn f<'a>(x: &'a str) { '{' }", "fn f<'a>(x: &'a str) { ' ' }"),
            (r"'\'' 'é' '\u{1F600}'", r"'  ' '  ' '         '"),
            ("for_r\"x\"", "for_r\" \""),
            ("\"never closed", "\"            "),
            ("\"\" x", "\"\" x"),
        ];
        for (text, want) in cases {
            assert_eq!(blank_comments_and_strings(text), want, "{text}");
        }
    }

    #[test]
    fn functions_are_found_with_their_length() {
        let text = "trait T { fn none(); }\nfn one(x: [u8; 3]) -> fn(u8) {\n    match x {\n    }\n}\n";
        let found = RustText::parse("a.rs", text).functions;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].line, found[0].last_line), ("one", 2, 5));
        assert!(found[0].body_start.starts_with("match x"));
    }

    #[test]
    fn test_items_are_told_from_the_product() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        let rust = RustText::parse("crates/x/src/y.rs", text);
        let tests: Vec<usize> = (1..=6).filter(|&line| rust.is_test_line(line)).collect();
        assert_eq!(tests, [2, 3, 4, 5]);
        assert!(RustText::parse("crates/x/tests/it/main.rs", text).is_test_line(1));
        assert!(RustText::parse("crates/x/src/log/conformance.rs", text).is_test_line(1));
    }

    #[test]
    fn words_are_whole() {
        let offsets: Vec<usize> = word_offsets("fn fnord my_fn fn", "fn").collect();
        assert_eq!(offsets, [0, 15]);
    }
}
