//! The console: HTTP API, tasks, settings and commands.
