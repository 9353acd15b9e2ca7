"""A bar chart as SVG: CPU per query of each peer, proxy and PostgreSQL stacked, one block of bars per workload."""
from xml.sax.saxutils import escape

BAR, GAP, BLOCK_GAP = 14, 3, 22
LEFT, RIGHT, TOP, WIDTH = 330, 90, 70, 1000
COLOURS = ("#1b7f79", "#8d99ae", "#e07a5f", "#5b6ee1", "#b8860b", "#7b2d8b")
POSTGRES = "#d5dbe3"


def svg(record, workloads):
    names = record["peers"]
    colour = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    blocks = [(w.title, record["results"][w.name]) for w in workloads if _has_cpu(record["results"].get(w.name))]
    body, y = [], TOP
    for title, peers in blocks:
        rows = [(n, peers[n]) for n in names if peers.get(n, {}).get("total_cpu_us")]
        longest = max(figures["total_cpu_us"] for _, figures in rows)
        body.append(_text(LEFT - 10, y + BAR - 3, title, "end"))
        for name, figures in rows:
            body += _bar(y, name, figures, longest, colour[name])
            y += BAR + GAP
        y += BLOCK_GAP
    head = [_text(20, 26, "CPU per query, microseconds (each block has its own scale; shorter is better)", size=15)]
    x = 20
    for name, fill in [*((n, colour[n]) for n in names), ("PostgreSQL's share", POSTGRES)]:
        head += [f'<rect x="{x}" y="40" width="12" height="12" fill="{fill}"/>', _text(x + 17, 51, name)]
        x += 34 + 7 * len(name)
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" font-family="sans-serif">',
                      f'<rect width="{WIDTH}" height="{y}" fill="white"/>', *head, *body, "</svg>", ""])


def _has_cpu(peers):
    return bool(peers) and any(figures.get("total_cpu_us") for figures in peers.values())


def _bar(y, name, figures, longest, fill):
    scale = (WIDTH - LEFT - RIGHT) / longest
    proxy = figures.get("proxy_cpu_us", 0.0) * scale
    total = figures["total_cpu_us"] * scale
    return [f'<rect x="{LEFT}" y="{y}" width="{proxy:.1f}" height="{BAR}" fill="{fill}"/>',
            f'<rect x="{LEFT + proxy:.1f}" y="{y}" width="{max(total - proxy, 0):.1f}" height="{BAR}" fill="{POSTGRES}" stroke="{fill}" stroke-width="0.7"/>',
            _text(LEFT + total + 5, y + BAR - 3, f"{figures['total_cpu_us']:.1f} {name}", size=10)]


def _text(x, y, text, anchor="start", size=12):
    return f'<text x="{x:.1f}" y="{y}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
