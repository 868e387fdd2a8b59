//! Who may do what: API tokens, source tokens, scopes
