//! What may be asked: one SELECT of bounded size, with its parameters bound as values.
//!
//! Three lines of defence, each enough for most: the statement's kind and its parts are checked here, the plan
//! is checked by DataFusion's own [`SQLOptions`](datafusion::execution::context::SQLOptions), and the session
//! has nothing that writes or reads anything but the snapshot (no table functions, no file formats, no storage).

use ast::{
    Expr, Ident, ObjectName, Query, Select, SetExpr, Statement, TableFactor, Value, ValueWithSpan, VisitMut,
    VisitorMut,
};
use datafusion::logical_expr::sqlparser;
use datafusion::logical_expr::sqlparser::ast;
use datafusion::sql::parser::{DFParserBuilder, Statement as ParsedStatement};
use ports::QueryError;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Longest question, in bytes.
pub const SQL_BYTES_MAX: usize = 64 << 10;
/// Most tokens of a question.
pub const TOKENS_MAX: usize = 10_000;
/// Most operators, which is how deep a tree of them can become.
pub const OPERATORS_MAX: usize = 500;
/// Deepest nesting of parentheses and subqueries.
pub const NESTING_MAX: usize = 40;
/// Most tables that a question reads, each use of a common table expression counted.
pub const TABLES_MAX: usize = 32;
/// Most parameters.
pub const PARAMETERS_MAX: usize = 1_000;
/// Longest text of one parameter, in bytes.
pub const PARAMETER_BYTES_MAX: usize = 16 << 10;

/// The statement of a question, checked, with its parameters in it.
pub(super) fn statement(sql: &str, parameters: &[serde_json::Value]) -> Result<ParsedStatement, QueryError> {
    if sql.len() > SQL_BYTES_MAX {
        return Err(forbidden(format!("the question is longer than {SQL_BYTES_MAX} bytes")));
    }
    let tokens = tokens(sql)?;
    let parser = DFParserBuilder::new(tokens)
        .with_dialect(&PostgreSqlDialect {})
        .with_recursion_limit(NESTING_MAX)
        .build()
        .and_then(|mut parser| parser.parse_statements());
    let mut statements = parser.map_err(|error| QueryError::Invalid(super::error::first_line(&error)))?;
    let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return Err(forbidden("ask one statement at a time".into()));
    };
    let ParsedStatement::Statement(mut statement) = statement else {
        return Err(forbidden(ONLY_SELECT.into()));
    };
    if !matches!(*statement, Statement::Query(_)) {
        return Err(forbidden(ONLY_SELECT.into()));
    }
    let mut check = Check::new(parameters)?;
    if let ControlFlow::Break(error) = statement.visit(&mut check) {
        return Err(error);
    }
    check.finish()?;
    Ok(ParsedStatement::Statement(statement))
}

const ONLY_SELECT: &str =
    "only SELECT is answered here; nothing can be changed, written or loaded by a question";

fn forbidden(what: String) -> QueryError {
    QueryError::Forbidden(what)
}

/// The question's tokens, if they are not too many: parsers and planners recurse on what they form.
fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>, QueryError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| QueryError::Invalid(error.to_string()))?;
    let (mut all, mut operators) = (0, 0);
    for token in &tokens {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::Word(word) => operators += usize::from(word.quote_style.is_none() && chains(&word.value)),
            Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_) => {}
            Token::Comma | Token::Period | Token::LParen | Token::RParen | Token::SemiColon => {}
            _ => operators += 1,
        }
        all += 1;
    }
    if all > TOKENS_MAX {
        return Err(forbidden(format!("the question has more than {TOKENS_MAX} words and signs")));
    }
    if operators > OPERATORS_MAX {
        return Err(forbidden(format!(
            "the question has more than {OPERATORS_MAX} operators; a long list of values goes into IN (…)"
        )));
    }
    Ok(tokens)
}

/// Words that form chains without parentheses.
fn chains(word: &str) -> bool {
    const WORDS: [&str; 16] = [
        "and",
        "or",
        "not",
        "is",
        "like",
        "ilike",
        "similar",
        "between",
        "in",
        "union",
        "intersect",
        "except",
        "join",
        "case",
        "when",
        "at",
    ];
    WORDS.iter().any(|chaining| word.eq_ignore_ascii_case(chaining))
}

/// Looks at every part of a statement and puts parameters in their places.
struct Check {
    parameters: Vec<Value>,
    used: Vec<bool>,
    /// How many tables each common table expression reads, by its name.
    expressions: HashMap<String, usize>,
    /// Names of common table expressions, by the address of their query, while it is visited.
    named: HashMap<*const Query, String>,
    /// How many tables the queries being visited read, the outermost first.
    tables: Vec<usize>,
}

impl Check {
    fn new(parameters: &[serde_json::Value]) -> Result<Self, QueryError> {
        if parameters.len() > PARAMETERS_MAX {
            return Err(forbidden(format!("more than {PARAMETERS_MAX} parameters")));
        }
        let values = parameters.iter().enumerate().map(|(index, value)| bound(index + 1, value));
        Ok(Self {
            parameters: values.collect::<Result<_, _>>()?,
            used: vec![false; parameters.len()],
            expressions: HashMap::new(),
            named: HashMap::new(),
            tables: Vec::new(),
        })
    }

    fn finish(&self) -> Result<(), QueryError> {
        match self.used.iter().position(|used| !used) {
            Some(index) => {
                Err(QueryError::Invalid(format!("parameter ${} is given, but not used", index + 1)))
            }
            None => Ok(()),
        }
    }

    fn refuse(what: &str) -> ControlFlow<QueryError> {
        ControlFlow::Break(forbidden(what.to_owned()))
    }
}

/// A parameter as a value of the syntax tree. It is put there after parsing, so no text of it is ever parsed.
fn bound(number: usize, value: &serde_json::Value) -> Result<Value, QueryError> {
    use serde_json::Value as Json;
    match value {
        Json::Null => Ok(Value::Null),
        Json::Bool(value) => Ok(Value::Boolean(*value)),
        Json::Number(value) => Ok(Value::Number(value.to_string(), false)),
        Json::String(text) if text.len() <= PARAMETER_BYTES_MAX => {
            Ok(Value::SingleQuotedString(text.clone()))
        }
        Json::String(_) => {
            Err(forbidden(format!("parameter ${number} is longer than {PARAMETER_BYTES_MAX} bytes")))
        }
        Json::Array(_) | Json::Object(_) => Err(QueryError::Invalid(format!(
            "parameter ${number} is not a text, number, truth value or null"
        ))),
    }
}

impl VisitorMut for Check {
    type Break = QueryError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<QueryError> {
        if let Some(with) = &query.with {
            if with.recursive {
                return Self::refuse("WITH RECURSIVE is not answered here");
            }
            for expression in &with.cte_tables {
                let name = expression.alias.name.value.to_lowercase();
                self.named.insert(std::ptr::from_ref::<Query>(&expression.query), name);
            }
        }
        if !query.locks.is_empty() || query.for_clause.is_some() || query.settings.is_some() {
            return Self::refuse("a question cannot lock or set anything");
        }
        if query.format_clause.is_some() || !query.pipe_operators.is_empty() {
            return Self::refuse("FORMAT and |> are not answered here");
        }
        if !is_read_only(&query.body) {
            return Self::refuse(ONLY_SELECT);
        }
        self.tables.push(0);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<QueryError> {
        let tables = self.tables.pop().unwrap_or_default();
        if tables > TABLES_MAX {
            return Self::refuse(&format!("the question reads more than {TABLES_MAX} tables"));
        }
        if let Some(name) = self.named.remove(&std::ptr::from_ref::<Query>(query)) {
            let known = self.expressions.entry(name).or_default();
            *known = tables.max(*known);
        } else if let Some(outer) = self.tables.last_mut() {
            *outer += tables;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<QueryError> {
        let name = relation
            .0
            .last()
            .and_then(|part| part.as_ident())
            .map(|Ident { value, .. }| value.to_lowercase());
        let reads = name.and_then(|name| self.expressions.get(&name)).map_or(1, |tables| (*tables).max(1));
        if let Some(tables) = self.tables.last_mut() {
            *tables += reads;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<QueryError> {
        if select.into.is_some() {
            return Self::refuse("SELECT INTO would write");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<QueryError> {
        match factor {
            TableFactor::Table { args: None, .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. } => ControlFlow::Continue(()),
            TableFactor::Table { name, .. } | TableFactor::Function { name, .. } => {
                Self::refuse(&format!("{name}(…) in FROM: there are no table functions here"))
            }
            _ => Self::refuse("FROM takes tables, views and subqueries only"),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<QueryError> {
        match expr {
            Expr::Cube(_) | Expr::Rollup(_) | Expr::GroupingSets(_) => {
                Self::refuse("CUBE, ROLLUP and GROUPING SETS are not answered here")
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<QueryError> {
        let Value::Placeholder(name) = &value.value else { return ControlFlow::Continue(()) };
        let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
        let index = number.and_then(|number| number.checked_sub(1));
        let (Some(index), Some(given)) = (index, index.and_then(|index| self.parameters.get(index))) else {
            let given = self.parameters.len();
            let what = format!("{name} is no parameter of this question; it has {given}, named $1, $2, …");
            return ControlFlow::Break(QueryError::Invalid(what));
        };
        value.value = given.clone();
        self.used[index] = true;
        ControlFlow::Continue(())
    }
}

/// Whether a query's body only reads. SQL lets INSERT and its like stand where a SELECT may.
fn is_read_only(body: &SetExpr) -> bool {
    let mut open = vec![body];
    while let Some(body) = open.pop() {
        match body {
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => {}
            SetExpr::SetOperation { left, right, .. } => open.extend([&**left, &**right]),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => return false,
        }
    }
    true
}
