// Runs before the first paint, as its own file because the page's policy forbids inline scripts: sets the colour scheme
// that the user chose, so that a dark page never flashes white. Same key and attribute as Mantine's own.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem('mantine-color-scheme-value');
  } catch {
    // Storage may be switched off: the system's scheme then decides.
  }
  var dark =
    chosen === 'dark' ||
    (chosen !== 'light' && window.matchMedia && window.matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
