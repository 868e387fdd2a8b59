//! Words and scripts for POSIX shells, so that no value is ever read as part of a command.
//!
//! This is the one place that quotes. A word is between single quotes (POSIX.1-2024, Shell Command Language, 2.2.2), where
//! nothing means anything but the quote that ends it. In a script, values are never put into the text at all: they are
//! given to variables before it, each as such a word, and the text refers to these. So whatever a value has in it, and
//! however the text around it is written, the shell does not read it as a command. What a script hands to a further shell
//! as a script (`sh -c "… __x__:value"`) that one reads; whoever writes it hands it over as an argument instead.

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
        fn a_value_is_no_command_wherever_it_stands(value in nasty(), text in "[ '\"\\\\a$(){};\n#<]{0,12}", more in "[ '\"a)};\n]{0,12}") {
            // whatever nonsense is around it: nothing of the value is carried out
            let variables = with(&[("__a__", &value)]);
            if let Ok(script) = script(&format!("{text}__a__:value{more}"), &variables) {
                let output = Command::new("/bin/sh").args(["-c", &script]).current_dir("/proc").output().unwrap();
                let errors = String::from_utf8_lossy(&output.stderr);
                prop_assert!(!errors.lines().any(|line| line == "pwned"), "{script:?}: {errors}");
                prop_assert_ne!(output.status.code(), Some(9), "{}", script);
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
