'use strict';
(async () => {
  const HEIGHT = 26, GAP = 160, BINS = 24;
  const $$ = (id) => document.getElementById(id);
  const packed = Uint8Array.from(atob($$('data').textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  const data = JSON.parse(await new Response(stream).text());
  // A row: state, left name, right name, left layer, right layer, dtype, shape, note, bar, histogram.
  const rows = data.rows.map((r) => ({
    state: data.states[r[0]], names: [r[1], r[2]], layers: [r[3], r[4]], dtype: r[5], shape: r[6], note: r[7],
    bar: r[8], histogram: r[9],
  }));
  const severity = (state) => ({good: 0, faint: 1, odd: 2, bad: 3})[state.look];

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const drawn = (tag, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  const layersOf = (side, chosen) => {
    const layers = new Map();
    for (const row of chosen) {
      const name = row.layers[side];
      if (name === null) continue;
      if (!layers.has(name)) layers.set(name, {name: data.layers[name], side, rows: []});
      layers.get(name).rows.push(row);
    }
    const order = new Intl.Collator('en', {numeric: true});
    return new Map([...layers].sort(([, a], [, b]) => order.compare(a.name, b.name)));
  };

  const layerButton = (layer) => {
    const worst = layer.rows.reduce((a, b) => (severity(b.state) > severity(a.state) ? b : a)).state;
    const count = layer.rows.filter((row) => row.state === worst).length;
    const all = layer.rows.length;
    const words = worst.look === 'good' ? `${all}` : `${count === all ? all : `${count} of ${all}`} ${worst.name}`;
    const button = element('button', {type: 'button', className: worst.look === 'good' ? '' : worst.look});
    // Too long a name loses its beginning, since the ends tell layers apart.
    const name = element('bdi', {dir: 'ltr', textContent: layer.name || '(no scope)'});
    button.append(element('span', {className: 'name', title: layer.name}, name));
    const bars = layer.rows.map((row) => row.bar).filter((bar) => bar !== null);
    button.append(element('span', {className: 'state', textContent: words}));
    if (bars.length) {
      const bar = element('span', {className: 'bar'}, element('span'));
      bar.firstChild.style.width = `${Math.round(100 * Math.max(...bars))}%`;
      bar.title = 'the largest relative difference, from 1e-8 to 1 by powers of ten';
      button.append(bar);
    }
    button.setAttribute('aria-expanded', 'false');
    button.addEventListener('click', () => open(layer, button));
    layer.button = button;
    return element('li', {}, button);
  };

  let sides = [];
  const show = () => {
    const words = $$('words').value.toLowerCase().split(/\s+/).filter(Boolean);
    const states = new Set([...document.querySelectorAll('#states input:checked')].map((box) => box.value));
    const chosen = rows.filter((row) => states.has(row.state.name) && words.every(
      (word) => row.names.some((name) => name !== null && name.toLowerCase().includes(word))));
    sides = [layersOf(0, chosen), layersOf(1, chosen)];
    sides.forEach((layers, side) => {
      let place = 0;
      for (const layer of layers.values()) layer.place = place++;
      $$(side ? 'right' : 'left').replaceChildren(...[...layers.values()].map(layerButton));
    });
    $$('shown').textContent = `${chosen.length.toLocaleString('en')} of ${rows.length.toLocaleString('en')} tensors`;
    drawLines(chosen);
    close();
  };

  const drawLines = (chosen) => {
    const lines = new Map();
    for (const row of chosen) {
      const [left, right] = row.layers;
      if (left === null || right === null) continue;
      const key = `${left} ${right}`;
      if (!lines.has(key) || severity(row.state) > severity(lines.get(key).state)) lines.set(key, row);
    }
    const paths = [...lines.values()].map((row) => {
      const [y, z] = row.layers.map((layer, side) => sides[side].get(layer).place * HEIGHT + HEIGHT / 2);
      const path = drawn('path', {d: `M0 ${y}C${GAP / 2} ${y} ${GAP / 2} ${z} ${GAP} ${z}`, class: row.state.look});
      row.layers.forEach((layer, side) => {
        const one = sides[side].get(layer);
        (one.paths = one.paths || []).push(path);
      });
      return path;
    });
    const height = HEIGHT * Math.max(...sides.map((layers) => layers.size), 1);
    $$('lines').setAttribute('viewBox', `0 0 ${GAP} ${height}`);
    $$('lines').style.height = `${height}px`;
    $$('lines').replaceChildren(...paths);
  };

  const table = (chosen, caption) => {
    const titles = [data.left, data.right, 'type', 'shape', 'state', 'note', ...(data.has_histograms ? [''] : [])];
    const head = element('tr', {}, ...titles.map((title) => element('th', {scope: 'col', textContent: title})));
    const body = element('tbody');
    for (const row of chosen) {
      const cells = [...row.names, row.dtype, row.shape, row.state.name, row.note];
      const line = element('tr', {}, ...cells.map((cell) => element('td', {textContent: cell ?? '\u2013'})));
      line.children[4].className = row.state.look;
      if (row.histogram) {
        const button = element('button', {type: 'button', textContent: 'Histogram'});
        button.setAttribute('aria-label', `Histogram of ${row.names[1] ?? row.names[0]}`);
        button.addEventListener('click', () => drawHistogram(row));
        line.append(element('td', {}, button));
      }
      body.append(line);
    }
    const made = element('table', {}, element('thead', {}, head), body);
    if (caption) made.createCaption().textContent = caption;
    return made;
  };

  let opened = null;
  const open = (layer, button) => {
    close();
    opened = {layer, button};
    button.setAttribute('aria-expanded', 'true');
    (layer.paths || []).forEach((path) => path.classList.add('chosen'));
    $$('detail-title').textContent = `${layer.side ? data.right : data.left}: ${layer.name || '(no scope)'}`;
    $$('detail').querySelector('.scroll').replaceChildren(table(layer.rows));
    $$('histogram').hidden = true;
    $$('detail').hidden = false;
    $$('detail-title').focus();
  };
  const close = () => {
    if (!opened) return;
    opened.button.setAttribute('aria-expanded', 'false');
    (opened.layer.paths || []).forEach((path) => path.classList.remove('chosen'));
    $$('detail').hidden = true;
    opened.button.focus();
    opened = null;
  };

  const drawHistogram = (row) => {
    const [low, high, ...counts] = row.histogram;
    const colors = ['blue', 'orange'];
    const picture = drawn('svg', {viewBox: '0 0 720 176', role: 'img'});
    const title = drawn('title', {});
    title.textContent = `Histograms of ${row.names.filter((name) => name !== null).join(' and ')} from ${low} to ${high}`;
    picture.append(title);
    counts.forEach((digits, side) => [...(digits ?? '')].forEach((digit, bin) => {
      const height = parseInt(digit, 36) * 4;
      picture.append(drawn('rect', {
        class: side ? 'b' : 'a', x: bin * (720 / BINS) + (side ? 14 : 2), y: 150 - height, width: 13, height,
      }));
    }));
    for (const [x, anchor, value] of [[0, 'start', low], [720, 'end', high]]) {
      const label = drawn('text', {x, y: 168, 'text-anchor': anchor});
      label.textContent = value;
      picture.append(label);
    }
    const legend = [data.left, data.right].map((title, side) => `${title} (${colors[side]})`)
      .filter((_, side) => counts[side] !== null);
    const caption = element('figcaption', {
      textContent: `${row.names[1] ?? row.names[0]}: ${legend.join(', ')}, heights relative to the highest of each`,
    });
    $$('histogram').replaceChildren(caption, picture);
    $$('histogram').hidden = false;
    $$('histogram').scrollIntoView({block: 'nearest'});
  };

  const move = (event) => {
    const button = event.target.closest('.layers button');
    if (!button) return;
    const list = button.closest('ul'), buttons = [...list.querySelectorAll('button')];
    const place = buttons.indexOf(button);
    const other = $$(list.id === 'left' ? 'right' : 'left').querySelectorAll('button');
    const next = {
      ArrowDown: buttons[place + 1], ArrowUp: buttons[place - 1], Home: buttons[0], End: buttons.at(-1),
      ArrowRight: list.id === 'left' && other[Math.min(place, other.length - 1)],
      ArrowLeft: list.id === 'right' && other[Math.min(place, other.length - 1)],
    }[event.key];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  for (const state of data.states) {
    const number = rows.filter((row) => row.state === state).length;
    if (!number) continue;
    const box = element('input', {type: 'checkbox', value: state.name, checked: true});
    const label = element('label', {className: state.look}, box, ` ${state.name} (${number.toLocaleString('en')})`);
    $$('states').append(label);
  }
  $$('filter').addEventListener('submit', (event) => event.preventDefault());
  $$('filter').addEventListener('input', show);
  $$('close').addEventListener('click', close);
  document.addEventListener('keydown', (event) => (event.key === 'Escape' ? close() : move(event)));
  $$('all').addEventListener('toggle', () => {
    const place = $$('all').querySelector('.scroll');
    if ($$('all').open && !place.firstChild) place.append(table(rows, 'All tensors'));
  });
  show();
  document.body.dataset.ready = 'true';
})();
