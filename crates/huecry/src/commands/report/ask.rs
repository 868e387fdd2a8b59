//! Questions in a terminal.

use crate::exit::{Exit, Failure};
use report::draft::{AskedField, AskedForm, Draft};
use std::io::{BufRead, Read, Write};

/// Longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// How often one question is asked.
const TRIES_MAX: usize = 5;

/// Somebody who can be asked: lines from `input`, questions on `output`.
pub(super) struct Asker<R, W> {
    input: R,
    output: W,
}

impl<R: BufRead, W: Write> Asker<R, W> {
    pub(super) fn new(input: R, output: W) -> Self {
        Self { input, output }
    }

    /// One of several, by number or by the beginning of its name.
    pub(super) fn choose(&mut self, question: &str, options: &[(&str, &str)]) -> Result<usize, Failure> {
        self.say(&format!("{question}\n"))?;
        for (number, (name, about)) in options.iter().enumerate() {
            let about = if about.is_empty() { String::new() } else { format!("  {about}") };
            self.say(&format!("  {}  {name}{about}\n", number + 1))?;
        }
        for _ in 0..TRIES_MAX {
            let answer = self.line("> ")?.to_lowercase();
            if let Some(number) = answer.parse::<usize>().ok().filter(|n| (1..=options.len()).contains(n)) {
                return Ok(number - 1);
            }
            let begun =
                options.iter().enumerate().filter(|(_, (name, _))| name.to_lowercase().starts_with(&answer));
            let begun: Vec<usize> = begun.map(|(index, _)| index).collect();
            match begun.as_slice() {
                [one] if !answer.is_empty() => return Ok(*one),
                _ => self.say(&format!("a number from 1 to {}, please\n", options.len()))?,
            }
        }
        Err(given_up(question))
    }

    /// Asks for a field until it has an answer that the form takes.
    pub(super) fn field(
        &mut self,
        form: &AskedForm,
        field: &AskedField,
        draft: &mut Draft,
    ) -> Result<(), Failure> {
        let help = field.help.as_deref().map(|help| format!("  {help}\n")).unwrap_or_default();
        if let Some(choices) = &field.choices
            && field.kind == "choice"
        {
            let options: Vec<(&str, &str)> = choices.iter().map(|choice| (choice.as_str(), "")).collect();
            let chosen = self.choose(format!("{}\n{}", field.label, help.trim_end()).trim_end(), &options)?;
            return draft.set(form, &field.name, &choices[chosen]).map_err(|e| super::wrong(&e));
        }
        let is_long = matches!(field.kind.as_str(), "textarea" | "list");
        let end = if is_long { "  (an empty line ends it)\n" } else { "" };
        self.say(&format!("{}\n{help}{end}", field.label))?;
        for _ in 0..TRIES_MAX {
            let answer = if is_long { self.lines()? } else { self.line("> ")? };
            match draft.set(form, &field.name, &answer) {
                Ok(()) if draft.is_answered(&field.name) => return Ok(()),
                Ok(()) => self.say("this cannot be left out\n")?,
                Err(error) => self.say(&format!("{error}; {}\n", error.hint()))?,
            }
        }
        Err(given_up(&field.label))
    }

    /// A line, perhaps empty.
    pub(super) fn line(&mut self, prompt: &str) -> Result<String, Failure> {
        self.say(prompt)?;
        let mut line = String::new();
        let bytes = self.input.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
        if bytes == 0 {
            return Err(Failure::new(Exit::Usage, "the input ended before the report was complete")
                .hint("give answers with --set FIELD=TEXT where nobody can be asked"));
        }
        Ok(line.trim().to_owned())
    }

    /// Lines until an empty one.
    fn lines(&mut self) -> Result<String, Failure> {
        let mut text = String::new();
        loop {
            let line = self.line("> ")?;
            if line.is_empty() || text.len() as u64 > LINE_BYTES_MAX {
                return Ok(text);
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&line);
        }
    }

    /// Yes, unless it is no.
    pub(super) fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        let answer = self.line(&format!("{question} [Y/n] "))?.to_lowercase();
        Ok(!answer.starts_with('n'))
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.output.write_all(super::plain(text).as_bytes())?;
        Ok(self.output.flush()?)
    }
}

fn given_up(question: &str) -> Failure {
    let question = question.lines().next().unwrap_or_default();
    Failure::new(Exit::Usage, format!("there is no answer to: {question}"))
        .hint("give answers with --set FIELD=TEXT; `huecry report --help`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> AskedForm {
        serde_json::from_str(
            r#"{"type":"f","fields":[
                {"name":"what","label":"What?","kind":"textarea","required":true,"max_chars":20},
                {"name":"kind","label":"Kind?","kind":"choice","required":true,"choices":["Password","Private key"]},
                {"name":"more","label":"More?","kind":"text"}]}"#,
        )
        .unwrap()
    }

    fn asked(input: &str) -> (Result<Draft, Failure>, String) {
        let (form, mut output) = (form(), Vec::new());
        let mut draft = Draft::new(&form);
        let mut asker = Asker::new(input.as_bytes(), &mut output);
        let missing: Vec<AskedField> = draft.missing(&form).cloned().collect();
        let done = missing.iter().try_for_each(|field| asker.field(&form, field, &mut draft));
        (done.map(|()| draft), String::from_utf8(output).unwrap())
    }

    #[test]
    fn only_what_is_required_is_asked() {
        let (draft, output) = asked("a key\nin a log\n\nPass\n");
        let draft = draft.unwrap();
        assert_eq!(draft.fields["what"], "a key\nin a log");
        assert_eq!(draft.fields["kind"], "Password");
        assert!(!output.contains("More?") && output.contains("2  Private key"), "{output}");
    }

    #[test]
    fn wrong_answers_are_told_and_asked_again_a_few_times() {
        let (draft, output) = asked("\nthis is far too long for it\n\nfine\n\n3\n2\n");
        assert_eq!(draft.unwrap().fields["kind"], "Private key");
        assert!(output.contains("cannot be left out") && output.contains("at most 20"), "{output}");
        assert!(output.contains("from 1 to 2"), "{output}");
        let (ended, _) = asked("fine\n\n");
        assert!(ended.unwrap_err().message.contains("input ended"));
        let (given_up, _) = asked(&format!("fine\n\n{}", "P\n".repeat(9)));
        assert!(given_up.unwrap_err().message.contains("Kind?"));
    }

    #[test]
    fn anything_but_no_confirms() {
        for (answer, expected) in [("\n", true), ("y\n", true), ("N\n", false), ("no\n", false)] {
            let mut output = Vec::new();
            assert_eq!(Asker::new(answer.as_bytes(), &mut output).confirm("send?").unwrap(), expected);
        }
    }
}
