//! The API's reference as one HTML page without scripts and without requests to anywhere else.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The page's style, served beside it.
pub(crate) const CSS: &str = include_str!("reference.css");

/// Writes the page of an OpenAPI document.
pub(crate) fn render(openapi: &Value) -> String {
    let mut page = Page(String::with_capacity(64 * 1024));
    let info = &openapi["info"];
    let title = text(&info["title"]);
    page.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
    page.escaped(&format!("{title} API {}", text(&info["version"])));
    page.raw("</title><link rel=\"stylesheet\" href=\"/reference.css\"></head><body><header><h1>");
    page.escaped(title);
    page.raw("</h1><p>");
    page.prose(text(&info["description"]));
    page.raw("</p><p><a href=\"/openapi.json\">openapi.json</a></p></header><main>");
    let by_tag = operations(openapi);
    page.contents(&by_tag);
    for (tag, operations) in &by_tag {
        page.raw("<section><h2>");
        page.escaped(tag);
        page.raw("</h2>");
        operations.iter().for_each(|operation| page.operation(operation));
        page.raw("</section>");
    }
    page.raw("<section><h2>schemas</h2>");
    for (name, schema) in members(&openapi["components"]["schemas"]) {
        page.schema(name, schema);
    }
    page.raw("</section></main></body></html>\n");
    page.0
}

struct Operation<'o> {
    method: &'o str,
    path: &'o str,
    value: &'o Value,
}

impl Operation<'_> {
    fn anchor(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        format!("{}{}", self.method, self.path).chars().map(plain).collect()
    }
}

fn operations(openapi: &Value) -> BTreeMap<&str, Vec<Operation<'_>>> {
    const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
    let mut by_tag: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, item) in members(&openapi["paths"]) {
        for method in METHODS {
            if let Some(value) = item.get(method) {
                let operation = Operation { method, path, value };
                by_tag.entry(value["tags"][0].as_str().unwrap_or("other")).or_default().push(operation);
            }
        }
    }
    by_tag
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    static_empty(value.as_object()).map(|(key, value)| (key.as_str(), value))
}

fn static_empty(map: Option<&Map<String, Value>>) -> impl Iterator<Item = (&String, &Value)> {
    map.into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

struct Page(String);

impl Page {
    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '&' => self.0.push_str("&amp;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
    }

    /// Text in which words between back ticks are code.
    fn prose(&mut self, text: &str) {
        for (index, part) in text.split('`').enumerate() {
            let code = index % 2 == 1;
            self.raw(if code { "<code>" } else { "" });
            self.escaped(part);
            self.raw(if code { "</code>" } else { "" });
        }
    }

    fn contents(&mut self, by_tag: &BTreeMap<&str, Vec<Operation<'_>>>) {
        self.raw("<nav><table>");
        for operation in by_tag.values().flatten() {
            let _ = write!(self.0, "<tr><td class=\"method\">{}</td>", operation.method.to_uppercase());
            let _ = write!(self.0, "<td><a href=\"#{}\"><code>", operation.anchor());
            self.escaped(operation.path);
            self.raw("</code></a></td><td>");
            self.escaped(text(&operation.value["summary"]));
            self.raw("</td></tr>");
        }
        self.raw("</table></nav>");
    }

    fn operation(&mut self, operation: &Operation<'_>) {
        let value = operation.value;
        let _ = write!(self.0, "<article id=\"{}\"><h3>", operation.anchor());
        let _ = write!(self.0, "<span class=\"method\">{}</span> <code>", operation.method.to_uppercase());
        self.escaped(operation.path);
        self.raw("</code></h3><p><strong>");
        self.escaped(text(&value["summary"]));
        self.raw("</strong></p><p>");
        self.prose(text(&value["description"]));
        self.raw("</p><p class=\"rule\">Who may: ");
        self.prose(text(&value["x-huecry-rule"]));
        self.raw("</p>");
        if let Some(parameters) = value["parameters"].as_array() {
            self.raw("<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>");
            for parameter in parameters {
                self.row(&[text(&parameter["name"]), text(&parameter["in"]), &type_of(&parameter["schema"])]);
                self.raw("<td>");
                self.prose(text(&parameter["description"]));
                self.raw("</td></tr>");
            }
            self.raw("</table>");
        }
        for (media_type, content) in members(&value["requestBody"]["content"]) {
            self.raw("<p>Body: <code>");
            self.escaped(media_type);
            self.raw("</code> ");
            self.type_link(&content["schema"]);
            self.raw("</p>");
        }
        self.raw("<table><tr><th>answer</th><th>body</th><th></th></tr>");
        for (status, response) in members(&value["responses"]) {
            self.raw("<tr><td>");
            self.escaped(status);
            self.raw("</td><td>");
            for (_, content) in members(&response["content"]) {
                self.type_link(&content["schema"]);
            }
            self.raw("</td><td>");
            self.prose(text(&response["description"]));
            self.raw("</td></tr>");
        }
        self.raw("</table></article>");
    }

    fn row(&mut self, cells: &[&str]) {
        self.raw("<tr>");
        for cell in cells {
            self.raw("<td><code>");
            self.escaped(cell);
            self.raw("</code></td>");
        }
    }

    fn type_link(&mut self, schema: &Value) {
        match schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            Some(name) => {
                self.raw("<a href=\"#schema-");
                self.escaped(name);
                self.raw("\">");
                self.escaped(name);
                self.raw("</a>");
            }
            None => self.escaped(&type_of(schema)),
        }
    }

    fn schema(&mut self, name: &str, schema: &Value) {
        self.raw("<article id=\"schema-");
        self.escaped(name);
        self.raw("\"><h3>");
        self.escaped(name);
        self.raw("</h3><p>");
        self.prose(text(&schema["description"]));
        self.raw("</p><table><tr><th>field</th><th>type</th><th></th></tr>");
        let own = members(&schema["properties"]);
        let parts = schema["allOf"].as_array().into_iter().flatten();
        for (field, property) in own.chain(parts.flat_map(|part| members(&part["properties"]))) {
            self.row(&[field]);
            self.raw("<td>");
            self.type_link(property);
            self.raw("</td><td>");
            self.prose(text(&property["description"]));
            self.raw("</td></tr>");
        }
        self.raw("</table></article>");
    }
}

/// A schema's type in a few words.
fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[key].as_array() {
            return parts.iter().map(type_of).collect::<Vec<_>>().join(" or ");
        }
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", type_of(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ => "any JSON".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_linked() {
        let page = render(&serde_json::json!({
            "info": { "title": "A & B", "version": "1", "description": "see `<x>`" },
            "paths": { "/p/{id}": { "get": { "tags": ["t"], "summary": "s", "description": "<script>",
                "x-huecry-rule": "scope a", "responses": { "200": { "description": "d",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/S" } } } } } } } },
            "components": { "schemas": { "S": { "properties": { "f": { "type": ["string", "null"] } } } } },
        }));
        assert!(page.contains("A &amp; B") && page.contains("<code>&lt;x&gt;</code>"));
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
        assert!(page.contains("<a href=\"#schema-S\">S</a>") && page.contains("string or null"));
        assert!(page.contains("<a href=\"#get-p--id-\">"));
    }
}
