//! Lists in pages.

use crate::code::Code;
use crate::problem::Problem;
use ports::store::{PAGE_ITEMS_MAX, Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Items of a page when the client does not say.
const PAGE_ITEMS_DEFAULT: u32 = 50;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// How many items at most, 1 to 500; 50 if not said.
    pub(crate) limit: Option<u32>,
    /// `next` of the page before.
    pub(crate) after: Option<String>,
}

impl PageParams {
    pub(crate) fn request(&self) -> Result<PageRequest, Problem> {
        let after = self.after.as_deref().map(str::parse).transpose()?;
        let items_max = self.limit.unwrap_or(PAGE_ITEMS_DEFAULT);
        if !(1..=PAGE_ITEMS_MAX).contains(&items_max) {
            let detail = format!("limit={items_max}: a page has 1 to {PAGE_ITEMS_MAX} items");
            return Err(Problem::new(Code::RequestInvalid, detail));
        }
        Ok(PageRequest { items_max, after })
    }
}

/// Some items of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageView<T> {
    /// In the list's order.
    pub(crate) items: Vec<T>,
    /// Ask for the next page with `after=` this; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl<T> PageView<T> {
    pub(crate) fn of<I: Into<T>>(page: Page<I>) -> Self {
        let next = page.next.map(|cursor| cursor.to_string());
        Self { items: page.items.into_iter().map(Into::into).collect(), next }
    }
}

/// A comma-separated list of names as values.
pub(crate) fn names<T>(
    text: Option<&str>,
    what: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Problem> {
    let names = text.unwrap_or_default().split(',').filter(|name| !name.is_empty());
    names.map(|name| named(name, what, &read)).collect()
}

/// One name as its value.
pub(crate) fn named<T>(
    name: &str,
    what: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, Problem> {
    read(name).ok_or_else(|| {
        let detail = format!("{name:?} is no {what}; /reference lists them");
        Problem::new(Code::RequestInvalid, detail)
    })
}
