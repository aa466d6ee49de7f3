//! Why: graph, plans and config joined to a sentence, an object and a line.
