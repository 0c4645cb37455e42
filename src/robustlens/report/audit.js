for (const box of document.querySelectorAll('[data-images]')) {
  const body = box.querySelector('tbody'), rows = [...body.rows];
  const text = box.querySelector('input'), fate = box.querySelector('select'), count = box.querySelector('output');
  const filter = () => {
    const words = text.value.toLowerCase();
    let shown = 0;
    for (const row of rows) {
      const ok = row.textContent.toLowerCase().includes(words) && (!fate.value || row.dataset.fate === fate.value);
      row.hidden = !ok;
      shown += ok;
    }
    count.textContent = `${shown} of ${rows.length} images`;
  };
  text.addEventListener('input', filter);
  fate.addEventListener('change', filter);
  for (const button of box.querySelectorAll('th button')) button.addEventListener('click', () => {
    const head = button.closest('th'), column = head.cellIndex;
    const up = head.getAttribute('aria-sort') !== 'ascending';
    for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const key = row => row.cells[column].dataset.key ?? row.cells[column].textContent;
    const by = (a, b) => { const p = key(a), q = key(b); return isNaN(p) || isNaN(q) ? p.localeCompare(q) : p - q; };
    rows.sort((a, b) => up ? by(a, b) : by(b, a));
    body.append(...rows);
  });
  filter();
}
