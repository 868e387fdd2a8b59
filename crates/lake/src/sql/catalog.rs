//! The names that a question can use: one catalog, one schema, `events` and a view of each class.

use super::table::{EventsTable, View};
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::Result;
use std::sync::Arc;

/// The name of the one catalog.
pub(super) const CATALOG: &str = "lake";
/// The name of its one schema.
pub(super) const SCHEMA: &str = "public";
/// The table of all events.
pub(super) const EVENTS: &str = "events";

/// Catalog list, catalog and schema in one; none of them can be changed.
#[derive(Debug, Clone)]
pub(super) struct Names {
    view: Arc<View>,
}

impl Names {
    pub(super) fn new(view: Arc<View>) -> Self {
        Self { view }
    }
}

impl CatalogProviderList for Names {
    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.into()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| Arc::new(self.clone()) as _)
    }
}

impl CatalogProvider for Names {
    fn schema_names(&self) -> Vec<String> {
        vec![SCHEMA.into()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        (name == SCHEMA).then(|| Arc::new(self.clone()) as _)
    }
}

#[async_trait]
impl SchemaProvider for Names {
    fn table_names(&self) -> Vec<String> {
        let classes = self.view.workshop.classes.iter().map(|class| class.name.clone());
        std::iter::once(EVENTS.to_owned()).chain(classes).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let table = |class_uid| Arc::new(EventsTable::new(Arc::clone(&self.view), class_uid)) as _;
        if name == EVENTS {
            return Ok(Some(table(None)));
        }
        let class = self.view.workshop.classes.iter().find(|class| class.name == name);
        Ok(class.map(|class| table(Some(class.uid))))
    }

    fn table_exist(&self, name: &str) -> bool {
        name == EVENTS || self.view.workshop.classes.iter().any(|class| class.name == name)
    }
}
