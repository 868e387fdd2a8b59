//! Raw record to OCSF event, or the reason why not
