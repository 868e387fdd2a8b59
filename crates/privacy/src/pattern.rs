//! The part of regular expressions that Rust's `regex` and JavaScript's `RegExp` with the flag `u` read alike.

use regex_syntax::ast::{self, Ast, parse::Parser};

/// Why a pattern is outside the subset, or nothing.
pub(crate) fn fault(pattern: &str) -> Option<String> {
    let tree = match Parser::new().parse(pattern) {
        Ok(tree) => tree,
        Err(error) => return Some(format!("the pattern cannot be read: {error}")),
    };
    match ast::visit(&tree, Subset) {
        Ok(()) => None,
        Err(what) => Some(format!("the pattern has {what}, which the browser would read otherwise")),
    }
}

struct Subset;

impl ast::Visitor for Subset {
    type Output = ();
    type Err = &'static str;

    fn finish(self) -> Result<(), Self::Err> {
        Ok(())
    }

    fn visit_pre(&mut self, tree: &Ast) -> Result<(), Self::Err> {
        match tree {
            Ast::Flags(_) => Err("flags"),
            Ast::Dot(_) => Err("a dot"),
            Ast::Assertion(_) => Err("an anchor or a boundary"),
            Ast::ClassPerl(_) => Err("a class such as \\d or \\w"),
            Ast::ClassUnicode(_) => Err("a class of Unicode"),
            Ast::Literal(literal) => literal_fault(literal),
            Ast::Group(group) => match group.kind {
                ast::GroupKind::CaptureIndex(_) => Ok(()),
                ast::GroupKind::NonCapturing(ref flags) if flags.items.is_empty() => Ok(()),
                _ => Err("a named group or flags"),
            },
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
        match item {
            ast::ClassSetItem::Literal(literal) => literal_fault(literal),
            ast::ClassSetItem::Range(range) => {
                literal_fault(&range.start).and_then(|()| literal_fault(&range.end))
            }
            ast::ClassSetItem::Empty(_) | ast::ClassSetItem::Union(_) => Ok(()),
            _ => Err("a class inside a class"),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, _: &ast::ClassSetBinaryOp) -> Result<(), Self::Err> {
        Err("an operation on classes")
    }
}

/// Escapes that mean the same with the flag `u`: the letters that both know, `\u{…}`, and signs of the syntax.
fn literal_fault(literal: &ast::Literal) -> Result<(), &'static str> {
    use ast::{HexLiteralKind, LiteralKind, SpecialLiteralKind};
    match literal.kind {
        LiteralKind::Verbatim | LiteralKind::HexBrace(HexLiteralKind::UnicodeShort) => Ok(()),
        LiteralKind::Meta if "^$\\.*+?()[]{}|/-".contains(literal.c) => Ok(()),
        LiteralKind::Special(SpecialLiteralKind::Tab | SpecialLiteralKind::LineFeed)
        | LiteralKind::Special(SpecialLiteralKind::CarriageReturn) => Ok(()),
        LiteralKind::Superfluous if literal.c == '/' => Ok(()),
        _ => Err("an escape of one language only"),
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn the_subset_is_what_both_languages_read_alike() {
        for good in
            ["[a-z]{2,3}", r"\.\[\-\]", r"(?:a|b)(c)", r"[^ \t\r\n\u{FFFC}]+", r"\\{1,2}Users", "a?b*?"]
        {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in [
            r"\d",
            r"\bx",
            "^x",
            "x$",
            "a.c",
            r"\p{L}",
            "(?i)x",
            "(?P<n>x)",
            "[a&&b]",
            r"\x41",
            "[[:alpha:]]",
            "(",
            r"\a",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
