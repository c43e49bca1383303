// The colours are set before the page is painted: "light", "dark", or whatever the system says.
const THEMES = ["system", "light", "dark"];

function readTheme() {
  try {
    const stored = localStorage.getItem("xinzhi-theme");
    return THEMES.includes(stored) ? stored : "system";
  } catch {
    return "system"; // storage can be forbidden
  }
}

function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

applyTheme(readTheme());
