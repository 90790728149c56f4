const decimal = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** @param {number} bytes */
export function formatBytes(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999_500) return `${precise.format(bytes / 1000)} kB`;
  if (bytes < 999_500_000) return `${precise.format(bytes / 1e6)} MB`;
  return `${precise.format(bytes / 1e9)} GB`;
}

/** @param {number} milliseconds */
export function formatDuration(milliseconds) {
  if (milliseconds < 0.05) return "< 0.1 ms";
  if (milliseconds < 9.95) return `${decimal.format(milliseconds)} ms`;
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  return `${precise.format(milliseconds / 1000)} s`;
}

/** A share between 0 and 1, never rounded up to a certainty the model did not state. @param {number} share */
export function formatShare(share) {
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  if (share < 1 && share > 0.9995) return "> 99.9 %";
  return `${decimal.format(share * 100)} %`;
}
