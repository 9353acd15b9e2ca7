// Numbers as people read them.
export const count = n => n.toLocaleString("en");
export const percent = x => (100 * x).toFixed(x > 0.999 && x < 1 ? 2 : 1) + " %";

export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let i = 0;
  while (bytes >= 1024 && i < units.length - 1) { bytes /= 1024; i += 1; }
  return bytes.toFixed(i > 0 && bytes < 100 ? 1 : 0) + " " + units[i];
}

export function time(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 0.001) return (1e6 * seconds).toFixed(0) + " µs";
  if (seconds < 1) return (1e3 * seconds).toFixed(seconds < 0.01 ? 2 : 0) + " ms";
  if (seconds < 120) return seconds.toFixed(1) + " s";
  return seconds < 7200 ? (seconds / 60).toFixed(1) + " min" : (seconds / 3600).toFixed(1) + " h";
}

export const rate = n => (n >= 100 ? count(Math.round(n)) : n.toFixed(n >= 10 ? 0 : 1));
