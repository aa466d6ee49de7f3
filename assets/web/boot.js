// Runs before the first paint: sets the theme, then loads the application.
// A classic script, because a module would run after the page was painted in the wrong theme.
"use strict";
(() => {
  const known = ["dark", "light", "contrast"];
  const saved = () => {
    try {
      return localStorage.getItem("vigla.theme");
    } catch {
      return null;
    }
  };
  const system = () => {
    if (matchMedia("(prefers-contrast: more)").matches) return "contrast";
    return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
  };
  const wanted = [new URLSearchParams(location.search).get("theme"), saved(), system()];
  document.documentElement.dataset.theme = wanted.find((theme) => known.includes(theme));

  const at = (name) => new URL(name, document.baseURI).href;
  import(at("app.js"))
    .then((app) => app.default({ module_or_path: at("app_bg.wasm") }))
    .catch((error) => {
      const note = document.createElement("main");
      note.className = "boot-note";
      note.setAttribute("role", "alert");
      const title = document.createElement("h1");
      title.textContent = "Vigla could not start in this browser";
      const text = document.createElement("p");
      text.textContent = `${error}. It needs WebAssembly and its own files; loading the page anew may help.`;
      note.append(title, text);
      document.body.append(note);
    });
})();
