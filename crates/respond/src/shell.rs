//! Words and scripts for POSIX shells, so that no value is ever read as part of a command.
//!
//! This is the one place that quotes. A word is between single quotes (POSIX.1-2024, Shell Command Language, 2.2.2), where
//! nothing means anything but the quote that ends it. In a script, values are never put into the text at all: they are
//! given to variables before it, each as such a word, and the text refers to these. So whatever a value has in it, and
//! however the text around it is written, the shell does not read it as a command. What a script hands to a further shell
//! as a script (`sh -c "… __x__:value"`) that one reads; whoever writes it hands it over as an argument instead.
//!
//! Where a shell computes, bash carries out what stands between the brackets of a subscript, also of a value (`a[$(id)]`). So
//! a script with values and with such a place anywhere is refused.

use crate::playbook::{Unresolved, Variables, reference};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Largest script, in bytes.
pub const SCRIPT_BYTES_MAX: usize = 100 << 10;

/// Something cannot be said to a shell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShellError {
    /// A word has a NUL in it.
    #[error("there is a NUL in it, which no word of a command has")]
    Nul,
    /// A variable has no value.
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    /// A backslash stands before a variable.
    #[error("a backslash stands before {0}:value: whether it belongs to it is not clear")]
    Backslash(String),
    /// Two variables would be one for a shell.
    #[error("{0} and {1} are one name for a shell, which knows no hyphens in names")]
    SameName(String, String),
    /// Values are computed with.
    #[error(
        "it has values of variables and {0}, where some shells carry out what a value says: compare by [ ], compute by another \
         program such as expr"
    )]
    Computes(String),
    /// The script is too long.
    #[error("the script has more than {SCRIPT_BYTES_MAX} bytes")]
    TooLong,
}

/// `text` as one word, whatever is in it.
///
/// # Errors
/// [`ShellError::Nul`].
pub fn word(text: &str) -> Result<String, ShellError> {
    if text.contains('\0') {
        return Err(ShellError::Nul);
    }
    // the quote ends, an escaped one stands alone, and another begins
    Ok(format!("'{}'", text.replace('\'', "'\\''")))
}

/// A command and its arguments as one line.
///
/// # Errors
/// [`ShellError::Nul`].
pub fn line<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<String, ShellError> {
    let words: Result<Vec<String>, ShellError> = words.into_iter().map(word).collect();
    Ok(words?.join(" "))
}

/// What a place in a script is within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Single,
    Double,
    /// Commands, up to this sign.
    Commands(char),
}

/// Where in a script one is, as far as it takes to write a variable there as part of one word.
///
/// It is no shell: here-documents and patterns of `case` are read as if they were other text. Where that leads it wrong,
/// a value is split into words, or stands as the variable's name. It is no command even then.
#[derive(Debug, Default)]
struct At {
    within: Vec<Within>,
    before: Option<char>,
    in_comment: bool,
}

impl At {
    /// Goes on over `text`; false if that ends with a backslash that belongs to what follows.
    fn read(&mut self, text: &str) -> bool {
        let mut signs = text.chars();
        while let Some(sign) = signs.next() {
            let quoted = matches!(self.within.last(), Some(Within::Single));
            if sign == '\\' && !quoted && !self.in_comment {
                if signs.next().is_none() {
                    return false;
                }
                self.before = Some('x');
                continue;
            }
            self.step(sign);
            self.before = Some(sign);
        }
        true
    }

    fn step(&mut self, sign: char) {
        let (within, before) = (self.within.last().copied(), self.before);
        let in_commands = matches!(within, None | Some(Within::Commands(_)));
        let begins_word = before.is_none_or(|before| before.is_whitespace() || ";&|()".contains(before));
        match (within, sign) {
            _ if self.in_comment => self.in_comment = sign != '\n',
            (Some(Within::Single), '\'') | (Some(Within::Double), '"') => drop(self.within.pop()),
            (Some(Within::Single), _) => {}
            (Some(Within::Commands(end)), sign) if sign == end => drop(self.within.pop()),
            (_, '`') => self.within.push(Within::Commands('`')),
            (_, '(') if in_commands || before == Some('$') => self.within.push(Within::Commands(')')),
            (_, '\'') if in_commands => self.within.push(Within::Single),
            (_, '"') => self.within.push(Within::Double),
            (_, '#') if in_commands && begins_word => self.in_comment = true,
            _ => {}
        }
    }

    /// A variable as it is written here.
    fn variable(&mut self, name: &str) -> String {
        self.before = Some('x');
        match self.within.last() {
            Some(Within::Double) => format!("${{{name}}}"),
            Some(Within::Single) => format!("'\"${{{name}}}\"'"),
            None | Some(Within::Commands(_)) => format!("\"${{{name}}}\""),
        }
    }
}

/// Where a script computes, or names a variable by a value: there bash looks into subscripts (Bash Reference Manual, 6.5 and
/// 6.7). It is told from the text alone, so it can be found in comments and quotes too.
fn computes(text: &str) -> Option<String> {
    let is_name = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    for place in ["((", "$[", "[[ ", "[[\t", "[[\n"] {
        if text.contains(place) {
            return Some(place.trim().to_owned());
        }
    }
    for (at, _) in text.match_indices("${") {
        let of = text[at + 2..].trim_start_matches('#');
        let operator = of.trim_start_matches(is_name);
        let is_plain = operator.starts_with(['}', '%', '#', '-', '+', '=', '?'])
            || [":-", ":+", ":=", ":?"].iter().any(|plain| operator.starts_with(plain));
        if operator.len() == of.len() || !is_plain {
            return Some("${…} with more than a name".to_owned());
        }
    }
    for (at, _) in text.match_indices('[') {
        let assigned = text[at..].split_once(']').map(|(_, after)| after);
        if text[..at].ends_with(is_name)
            && assigned.is_some_and(|after| after.starts_with('=') || after.starts_with("+="))
        {
            return Some("a subscript".to_owned());
        }
    }
    // a command is what stands between these signs
    text.split([';', '|', '&', '\n', '(', ')', '`']).find_map(computing_word)
}

/// The word of a command that makes it compute with what it is told, or takes that for the name of a variable.
fn computing_word(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let find = |names: &[&str]| words.iter().position(|word| names.contains(word));
    let has_value = |after: usize| words[after..].iter().any(|word| reference(word).is_some());
    let named =
        find(&["read", "unset", "mapfile", "readarray", "getopts", "wait"]).filter(|at| has_value(*at));
    let looked_up = find(&["[", "test", "printf"]).and_then(|at| {
        let option = words[at..].iter().position(|word| ["-v", "-R"].contains(word))?;
        Some(at + option)
    });
    let found = find(&["let", "eval", "declare", "typeset", "local"]).or(named).or(looked_up)?;
    Some(words[found].to_owned())
}

/// A script of `text`, in which `__name__:value` stands for the value of a variable: that is given to a variable of the
/// shell before the text.
///
/// # Errors
/// [`ShellError`].
pub fn script(text: &str, variables: &Variables) -> Result<String, ShellError> {
    let mut given: BTreeMap<String, &str> = BTreeMap::new();
    let (mut head, mut body) = (String::new(), String::with_capacity(text.len()));
    let (mut at, mut rest) = (At::default(), text);
    while let Some((before, name, after)) = reference(rest) {
        if !at.read(before) {
            return Err(ShellError::Backslash(name.to_owned()));
        }
        let known = name.replace('-', "_");
        match given.get(&known) {
            Some(other) if *other != name => {
                return Err(ShellError::SameName((*other).to_owned(), name.to_owned()));
            }
            Some(_) => {}
            None => {
                // a write to a string cannot fail
                let _ = writeln!(head, "{known}={}", word(variables.value(name)?)?);
            }
        }
        body.push_str(before);
        body.push_str(&at.variable(&known));
        given.insert(known, name);
        rest = after;
        if head.len() + body.len() > SCRIPT_BYTES_MAX {
            return Err(ShellError::TooLong);
        }
    }
    body.push_str(rest);
    if let Some(place) = computes(text).filter(|_| !given.is_empty()) {
        return Err(ShellError::Computes(place));
    }
    if body.contains('\0') {
        return Err(ShellError::Nul);
    }
    head.push_str(&body);
    if head.len() > SCRIPT_BYTES_MAX { Err(ShellError::TooLong) } else { Ok(head) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn said(script: &str) -> Vec<u8> {
        let output = Command::new("/bin/sh").args(["-c", script]).output().unwrap();
        assert!(output.status.success(), "{script:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Those that are here: they differ in what they compute.
    fn shells() -> impl Iterator<Item = &'static str> {
        ["/bin/sh", "/bin/bash", "/bin/dash"].into_iter().filter(|shell| std::path::Path::new(shell).exists())
    }

    fn with(values: &[(&str, &str)]) -> Variables {
        let all = values.iter().map(|(name, value)| {
            ((*name).to_owned(), serde_json::json!({ "kind": "string", "value": value, "constant": false }))
        });
        serde_json::from_value(serde_json::Value::Object(all.collect())).unwrap()
    }

    /// Texts with everything in them that means something to a shell.
    fn nasty() -> impl Strategy<Value = String> {
        let sign = prop_oneof![
            Just("'".to_owned()),
            Just("\"".to_owned()),
            Just("\\".to_owned()),
            Just("`".to_owned()),
            Just("$(echo pwned >&2; exit 9)".to_owned()),
            Just("; exit 9;".to_owned()),
            Just("\n".to_owned()),
            Just("*".to_owned()),
            Just("__b__:value".to_owned()),
            Just("${__a__}".to_owned()),
            Just("!#~{}[]&|<>".to_owned()),
            Just("a[$(echo pwned >&2; exit 9)]".to_owned()),
            "[^\0]{0,4}",
        ];
        prop::collection::vec(sign, 0..8).prop_map(|signs| signs.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn a_word_is_what_it_says(text in nasty()) {
            let quoted = line(["printf", "%s", text.as_str()]).unwrap();
            prop_assert_eq!(said(&quoted), text.clone().into_bytes());
            // and once more, as what a shell is told that is told it by another
            let twice = line(["sh", "-c", quoted.as_str()]).unwrap();
            prop_assert_eq!(said(&twice), text.into_bytes());
        }

        #[test]
        fn a_value_stays_in_its_word(value in nasty()) {
            let variables = with(&[("__a__", &value)]);
            for (text, around) in [
                ("printf %s __a__:value", ("", "")),
                ("printf %s \"__a__:value\"", ("", "")),
                ("printf %s '__a__:value'", ("", "")),
                ("printf %s x__a__:value\"y\"", ("x", "y")),
                ("printf %s \"it's __a__:value\"'\"'", ("it's ", "\"")),
                ("printf %s \"$(printf %s. __a__:value)\"", ("", ".")),
                ("# it's __a__:value\nif true; then (printf %s __a__:value); fi # it's __a__:value\n", ("", "")),
                ("printf %s \"$(printf '%s' \"$(printf %s. __a__:value)\")\"", ("", ".")),
                ("printf %s \"`printf '%s.' __a__:value`\"", ("", ".")),
                ("x=$#; printf %s __a__:value", ("", "")),
            ] {
                let script = script(text, &variables).unwrap();
                let expected = format!("{}{value}{}", around.0, around.1).into_bytes();
                let said = said(&script);
                // a substitution takes line ends off, before what stands after it here: that is a dot
                prop_assert_eq!(said, expected, "{}", text);
            }
        }

        #[test]
        fn a_value_is_no_command_wherever_it_stands(value in nasty(), text in "[ '\"\\\\a$(){};\n#<=\\[-]{0,12}", more in "[ '\"a)};\n+1\\]]{0,12}") {
            // whatever nonsense is around it: nothing of the value is carried out
            let variables = with(&[("__a__", &value)]);
            if let Ok(script) = script(&format!("{text}__a__:value{more}"), &variables) {
                for shell in shells() {
                    let output = Command::new(shell).args(["-c", &script]).current_dir("/proc").output().unwrap();
                    let errors = String::from_utf8_lossy(&output.stderr);
                    prop_assert!(!errors.lines().any(|line| line == "pwned"), "{shell}: {script:?}: {errors}");
                    prop_assert_ne!(output.status.code(), Some(9), "{}: {}", shell, script);
                }
            }
        }
    }

    #[test]
    fn no_shell_computes_with_a_value() {
        let variables = with(&[("__n__", "a[$(echo pwned >&2; exit 9)]")]);
        for text in [
            "[[ __n__:value -gt 3 ]]",
            "echo $((__n__:value + 1))",
            "echo $[ __n__:value ]",
            "n=__n__:value; ((n > 3))",
            "let n=__n__:value",
            "a[__n__:value]=1",
            "a[__n__:value]+=1",
            "echo ${HOME:__n__:value}",
            "n=__n__:value; echo ${HOME:n}",
            "n=__n__:value; echo ${a[n]}",
            "echo ${!__n__:value}",
            "test -v __n__:value",
            "if [ ! -v __n__:value ]; then :; fi",
            "printf -v __n__:value x",
            "echo x | read __n__:value",
            "unset __n__:value",
            "declare -i n=__n__:value",
        ] {
            assert!(matches!(script(text, &variables), Err(ShellError::Computes(_))), "{text}");
            // without a value it is the playbook's own
            let own = text.replace("__n__:value", "n");
            assert_eq!(script(&own, &variables), Ok(own.clone()), "{own}");
        }
        for text in [
            "[ __n__:value -gt 3 ] || test __n__:value -eq 1",
            "grep -v __n__:value /dev/null; tr -d '[[:space:]]' </dev/null",
            "echo ${HOME} ${#HOME} ${HOME:-x} ${HOME%/*} __n__:value",
            "echo x | while read -r line; do echo __n__:value; done",
            "export n=__n__:value; printf '%d' __n__:value",
        ] {
            let script = script(text, &variables).unwrap();
            for shell in shells() {
                let output = Command::new(shell).args(["-c", &script]).output().unwrap();
                let errors = String::from_utf8_lossy(&output.stderr);
                assert!(!errors.lines().any(|line| line == "pwned"), "{shell}: {text}: {errors}");
            }
        }
    }

    #[test]
    fn a_script_says_its_values_first() {
        let variables = with(&[("__path__", "/tmp/it's"), ("__a-b__", "1"), ("__a_b__", "2")]);
        for (text, expected) in [
            ("uptime", Ok("uptime")),
            ("rm -- __path__:value", Ok("__path__='/tmp/it'\\''s'\nrm -- \"${__path__}\"")),
            (
                "ls __path__:value __path__:value",
                Ok("__path__='/tmp/it'\\''s'\nls \"${__path__}\" \"${__path__}\""),
            ),
            ("echo \"__a-b__:value\"", Ok("__a_b__='1'\necho \"${__a_b__}\"")),
            ("echo \\__path__:value", Err(ShellError::Backslash("__path__".into()))),
            (
                "echo __a-b__:value __a_b__:value",
                Err(ShellError::SameName("__a-b__".into(), "__a_b__".into())),
            ),
            ("echo __gone__:value", Err(Unresolved::Unknown("__gone__".into()).into())),
            ("echo \0", Err(ShellError::Nul)),
        ] {
            assert_eq!(script(text, &variables), expected.map(str::to_owned), "{text}");
        }
        let long = "x".repeat(SCRIPT_BYTES_MAX + 1);
        assert_eq!(script(&long, &variables), Err(ShellError::TooLong));
        assert_eq!(word("\0"), Err(ShellError::Nul));
    }
}
