/* On a phone a table of three columns or more is a list of its rows: each cell is told its column. */
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("article table:not([class])")) {
    const heads = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
    if (heads.length < 3) continue;
    table.dataset.folds = "";
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.children].forEach((cell, i) => { cell.dataset.column = heads[i] || ""; });
    }
  }
});
