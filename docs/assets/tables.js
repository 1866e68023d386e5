/* On a phone a table of three columns or more is a list of its rows: each cell says its column. */
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("article table:not([class])")) {
    const heads = [...table.querySelectorAll("thead th")];
    if (heads.length < 3) continue;
    table.dataset.folds = "";
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.children].forEach((cell, i) => {
        if (!cell.textContent.trim()) {
          cell.dataset.empty = "";
          return;
        }
        const name = document.createElement("span");
        name.className = "column";
        name.innerHTML = heads[i] ? heads[i].innerHTML : "";
        cell.prepend(name);
      });
    }
  }
});
