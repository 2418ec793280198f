// Tables of the class "sortable" are sorted by a click on a head; a second click turns the order round.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const rows = [...body.rows].map((row) => [row.cells[column].textContent, row]);
      const number = rows.every(([text]) => text === "" || !isNaN(text));
      const order = (a, b) => number ? a - b : a.localeCompare(b, undefined, { numeric: true });
      // what has no value comes last in both orders
      rows.sort(([a], [b]) => (a === "") - (b === "") || (down ? order(b, a) : order(a, b)));
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows.map(([, row]) => row));
    };
  });
}
