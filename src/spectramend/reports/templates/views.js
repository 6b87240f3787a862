// Zoomable pictures of a repair: waveforms above a spectrogram, before, after, and what was removed.
(() => {
  "use strict";
  const titles = { before: "Before", after: "After", removed: "Removed" };
  const left = 58, right = 10, bottom = 40, gap = 8; // CSS pixels around the plots
  const laneHeight = 72, spectrogramHeight = 260;
  const lowestHz = 30; // lower end of the logarithmic axis

  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const numbers = (text) => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return new Int16Array(bytes.buffer);
  };
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Round values between two ends, about as many as fit.
  function ticks(low, high, count) {
    const rough = (high - low) / Math.max(1, count);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const values = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
      values.push([i * step, (i * step).toFixed(digits)]);
    }
    return values;
  }
  function logTicks(low, high) {
    const values = [];
    for (let power = 1; power <= high; power *= 10) {
      for (const factor of [1, 2, 5]) {
        const value = factor * power;
        if (value >= low && value <= high) values.push([value, String(value)]);
      }
    }
    return values.length > 1 ? values : ticks(low, high, 4);
  }

  function view(figure) {
    const data = JSON.parse(figure.dataset.view);
    const names = Object.keys(data.images);
    const lanes = data.waves[names[0]].length;
    const waves = {}, images = {};
    for (const name of names) {
      waves[name] = data.waves[name].map(({ bins, detail }) => ({
        bins: numbers(bins), detail: numbers(detail),
      }));
      images[name] = new Image();
      images[name].addEventListener("load", () => draw());
      images[name].src = data.images[name];
    }
    const whole = { time: data.time, hz: [0, data.hz] };
    let shown = names.includes("after") ? "after" : names[0];
    let isLog = false;
    let seen = { time: [...whole.time], hz: [...whole.hz] };
    let drag = null;

    const canvas = element("canvas", { tabIndex: 0 });
    canvas.setAttribute("role", "img");
    const choices = names.map((name) => {
      const button = element("button", { type: "button", textContent: titles[name] || name });
      button.addEventListener("click", () => { shown = name; draw(); });
      return button;
    });
    const push = (text, label, action) => {
      const button = element("button", { type: "button", textContent: text, title: label });
      button.setAttribute("aria-label", label);
      button.addEventListener("click", action);
      return button;
    };
    const scale = element("select", {}, ...["linear", "logarithmic"].map((text) =>
      element("option", { value: text, textContent: text })));
    scale.autocomplete = "off";
    scale.addEventListener("change", () => { isLog = scale.value !== "linear"; draw(); });
    const bar = element("div", { className: "view-bar" },
      push("▶ Play", "Play this repair", () => document.dispatchEvent(new CustomEvent("play-from", {
        detail: { seconds: data.plays_at, name: shown },
      }))),
      element("span", { className: "view-choice", role: "group" }, ...choices),
      element("span", { className: "view-choice" },
        push("+", "Zoom in", () => zoom(0.5)),
        push("−", "Zoom out", () => zoom(2)),
        ...(data.boxes.length
          ? [push("Region", "Zoom to the repaired region", () => { seen = around(); draw(); })] : []),
        push("All", "Show the whole excerpt", () => { seen = copy(whole); draw(); })),
      element("label", {}, "Frequency ", scale));
    figure.querySelector("a").hidden = true;
    figure.prepend(figure.querySelector("figcaption"), bar, canvas);
    const hint = element("p", { className: "facts view-hint", textContent:
      "Drag over the picture to zoom in; double-click to see all. Keys: + − zoom, ← → move." });
    canvas.after(hint);

    const copy = ({ time, hz }) => ({ time: [...time], hz: [...hz] });
    const width = () => canvas.clientWidth;
    const plotWidth = () => width() - left - right;
    const top = lanes * (laneHeight + gap);
    const height = top + spectrogramHeight + bottom;
    const limit = ([a, b], [low, high], shortest) => {
      const length = Math.min(Math.max(b - a, shortest), high - low);
      const start = Math.min(Math.max((a + b - length) / 2, low), high - length);
      return [start, start + length];
    };
    const set = (time, hz) => {
      seen = { time: limit(time, whole.time, 0.001), hz: limit(hz, whole.hz, 20) };
      draw();
    };
    const zoom = (factor) => {
      const middle = (seen.time[0] + seen.time[1]) / 2;
      const half = (seen.time[1] - seen.time[0]) / 2 * factor;
      set([middle - half, middle + half], factor > 1 && half * 2 >= whole.time[1] - whole.time[0]
        ? whole.hz : seen.hz);
    };
    const around = () => {
      const first = Math.min(...data.boxes.map((box) => box[0]), whole.time[1]);
      const last = Math.max(...data.boxes.map((box) => box[1]), whole.time[0]);
      const margin = Math.max(0.005, (last - first) / 2);
      if (first >= last) return copy(whole);
      return { time: limit([first - margin, last + margin], whole.time, 0.001), hz: [...whole.hz] };
    };

    const x = (t) => left + plotWidth() * (t - seen.time[0]) / (seen.time[1] - seen.time[0]);
    const timeAt = (px) => seen.time[0] + (px - left) / plotWidth() * (seen.time[1] - seen.time[0]);
    const bottomHz = () => (isLog ? Math.max(seen.hz[0], Math.min(lowestHz, seen.hz[1] / 2))
      : seen.hz[0]);
    const share = (f) => (isLog ? Math.log(Math.max(f, bottomHz()) / bottomHz())
      / Math.log(seen.hz[1] / bottomHz()) : (f - seen.hz[0]) / (seen.hz[1] - seen.hz[0]));
    const y = (f) => top + spectrogramHeight * (1 - share(f));
    const hzAt = (py) => {
      const part = 1 - (py - top) / spectrogramHeight;
      return isLog ? bottomHz() * (seen.hz[1] / bottomHz()) ** part
        : seen.hz[0] + part * (seen.hz[1] - seen.hz[0]);
    };

    // Least and largest sample between two times, from the samples where they are known.
    function range(wave, from, to) {
      const { bins, detail } = wave;
      const [start, stop] = data.detail;
      const inDetail = from >= start && to <= stop && detail.length > 0;
      const [values, first, last, count] = inDetail
        ? [detail, start, stop, detail.length] : [bins, ...data.time, bins.length / 2];
      const at = (t) => (t - first) / (last - first) * count;
      const a = Math.min(count - 1, Math.max(0, Math.floor(at(from))));
      const b = Math.min(count, Math.max(a + 1, Math.ceil(at(to))));
      let low = Infinity, high = -Infinity;
      for (let i = a; i < b; i++) {
        low = Math.min(low, inDetail ? values[i] : values[2 * i]);
        high = Math.max(high, inDetail ? values[i] : values[2 * i + 1]);
      }
      return [low / 32767, high / 32767];
    }

    function drawWave(pen, wave, above, stroke) {
      pen.strokeStyle = stroke;
      pen.beginPath();
      const middle = above + laneHeight / 2, size = laneHeight / 2 - 1;
      for (let px = left; px < left + plotWidth(); px++) {
        const [low, high] = range(wave, timeAt(px), timeAt(px + 1));
        pen.lineTo(px, middle - size * high);
        pen.lineTo(px, middle - size * low + 0.5);
      }
      pen.stroke();
    }

    // The levels of clipping, dashed.
    function drawLevels(pen, above) {
      pen.strokeStyle = color("--text");
      pen.setLineDash([4, 4]);
      for (const level of data.levels) {
        const at = Math.round(above + laneHeight / 2 - (laneHeight / 2 - 1) * level) + 0.5;
        pen.beginPath();
        pen.moveTo(left, at);
        pen.lineTo(left + plotWidth(), at);
        pen.stroke();
      }
      pen.setLineDash([]);
    }

    function drawSpectrogram(pen, image) {
      if (!image.complete || !image.naturalWidth) return;
      const [t0, t1, f0, f1] = data.extent;
      const column = (t) => (t - t0) / (t1 - t0) * image.naturalWidth;
      const row = (f) => (f1 - f) / (f1 - f0) * image.naturalHeight;
      const [a, b] = [Math.max(seen.time[0], t0), Math.min(seen.time[1], t1)];
      const source = [column(a), Math.max(1e-3, column(b) - column(a))];
      pen.imageSmoothingEnabled = true;
      if (!isLog) {
        const [low, high] = [Math.max(seen.hz[0], f0), Math.min(seen.hz[1], f1)];
        pen.drawImage(image, source[0], row(high), source[1], row(low) - row(high),
          x(a), y(high), x(b) - x(a), y(low) - y(high));
        return;
      }
      for (let py = top; py < top + spectrogramHeight; py++) {
        const [high, low] = [row(hzAt(py)), row(hzAt(py + 1))];
        pen.drawImage(image, source[0], Math.max(0, high), source[1], Math.max(0.5, low - high),
          x(a), py, x(b) - x(a), 1);
      }
    }

    function drawAxes(pen) {
      const ink = color("--text"), line = color("--line");
      pen.fillStyle = ink;
      pen.strokeStyle = line;
      pen.font = "12px system-ui, sans-serif";
      pen.lineWidth = 1;
      pen.textAlign = "center";
      pen.textBaseline = "top";
      for (const [value, text] of ticks(...seen.time, plotWidth() / 90)) {
        pen.fillRect(Math.round(x(value)), top + spectrogramHeight, 1, 4);
        const half = pen.measureText(text).width / 2;
        pen.fillText(text, Math.min(Math.max(x(value), half), width() - half),
          top + spectrogramHeight + 6);
      }
      pen.fillText("Time (s)", left + plotWidth() / 2, top + spectrogramHeight + 22);
      pen.textAlign = "right";
      pen.textBaseline = "middle";
      const marks = isLog ? logTicks(bottomHz(), seen.hz[1]) : ticks(...seen.hz, 6);
      for (const [value, text] of marks) {
        pen.fillRect(left - 4, Math.round(y(value)), 4, 1);
        pen.fillText(text, left - 7, Math.min(Math.max(y(value), top + 6), height - bottom - 4));
      }
      for (let lane = 0; lane < lanes; lane++) {
        const above = lane * (laneHeight + gap);
        pen.strokeRect(left - 0.5, above + 0.5, plotWidth() + 1, laneHeight - 1);
        pen.fillText(String(data.peak), left - 7, above + 8);
        pen.fillText("−" + data.peak, left - 7, above + laneHeight - 8);
        if (lanes > 1) pen.fillText("ch " + data.channels[lane], left - 7, above + laneHeight / 2);
      }
      pen.save();
      pen.translate(9, top + spectrogramHeight / 2);
      pen.rotate(-Math.PI / 2);
      pen.textAlign = "center";
      pen.fillText("Frequency (Hz)", 0, 0);
      pen.restore();
      pen.strokeRect(left - 0.5, top - 0.5, plotWidth() + 1, spectrogramHeight + 1);
    }

    function draw() {
      const ratio = window.devicePixelRatio || 1;
      canvas.style.height = height + "px";
      canvas.width = Math.round(width() * ratio);
      canvas.height = Math.round(height * ratio);
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      const inside = (above, tall, paint) => {
        pen.save();
        pen.beginPath();
        pen.rect(left, above, plotWidth(), tall);
        pen.clip();
        paint();
        pen.restore();
      };
      const accent = color("--accent"), muted = color("--line"), raised = color("--raised");
      for (let lane = 0; lane < lanes; lane++) {
        const above = lane * (laneHeight + gap);
        inside(above, laneHeight, () => {
          pen.fillStyle = raised;
          for (const [start, stop] of data.boxes) {
            pen.fillRect(x(start), above, Math.max(1, x(stop) - x(start)), laneHeight);
          }
          if (shown === "after" && waves.before) drawWave(pen, waves.before[lane], above, muted);
          drawWave(pen, waves[shown][lane], above, accent);
          if (shown !== "removed") drawLevels(pen, above);
        });
      }
      inside(top, spectrogramHeight, () => {
        pen.fillStyle = "#000004";
        pen.fillRect(left, top, plotWidth(), spectrogramHeight);
        drawSpectrogram(pen, images[shown]);
        pen.strokeStyle = "#4fd8eb";
        for (const [start, stop, low, high] of data.boxes) {
          pen.strokeRect(x(start), y(high), Math.max(1, x(stop) - x(start)), y(low) - y(high));
        }
        if (drag) {
          pen.strokeStyle = "#fff";
          pen.strokeRect(drag.x, top, drag.to - drag.x, spectrogramHeight);
        }
      });
      drawAxes(pen);
      choices.forEach((button, i) =>
        button.setAttribute("aria-pressed", String(names[i] === shown)));
      canvas.setAttribute("aria-label", `${titles[shown] || shown}: waveform and spectrogram, ` +
        `${seen.time[0].toFixed(3)} to ${seen.time[1].toFixed(3)} s`);
    }

    const where = (event) => {
      const box = canvas.getBoundingClientRect();
      const px = Math.min(Math.max(event.clientX - box.left, left), left + plotWidth());
      return [px, event.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") return;
      const [px, py] = where(event);
      drag = { x: px, y: py, to: px, down: py };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return;
      [drag.to, drag.down] = where(event);
      draw();
    });
    canvas.addEventListener("pointerup", () => {
      if (!drag) return;
      const { x: from, to, y: begin, down } = drag;
      drag = null;
      const isBox = begin > top && down > top && Math.abs(down - begin) > 24;
      const hz = isBox ? [hzAt(Math.max(begin, down)), hzAt(Math.min(begin, down))] : seen.hz;
      if (Math.abs(to - from) > 4) set([timeAt(Math.min(from, to)), timeAt(Math.max(from, to))], hz);
      else draw();
    });
    canvas.addEventListener("pointercancel", () => { drag = null; draw(); });
    canvas.addEventListener("dblclick", () => { seen = copy(whole); draw(); });
    canvas.addEventListener("keydown", (event) => {
      const step = (seen.time[1] - seen.time[0]) / 4;
      const move = { ArrowLeft: -step, ArrowRight: step }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? 0.5 : 2);
      else if (move) set(seen.time.map((t) => t + move), seen.hz);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    new ResizeObserver(() => draw()).observe(figure);
    draw();
  }

  document.querySelectorAll("figure[data-view]").forEach(view);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    window.dispatchEvent(new Event("resize")));
})();
