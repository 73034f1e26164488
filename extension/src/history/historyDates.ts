import * as vscode from 'vscode';

const dayMs = 24 * 60 * 60 * 1000;

/** The day of a time (milliseconds since 1970) where the person is: `2026-01-31`. */
export function dayOf(at: number): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** How a day is called on the day of `now`. */
export function dayLabel(day: string, now: number): string {
  if (day === dayOf(now)) return vscode.l10n.t('Today');
  if (day === dayOf(now - dayMs)) return vscode.l10n.t('Yesterday');
  // At noon every day is the same one, wherever the clock is changed at night.
  const date = new Date(`${day}T12:00:00`);
  return date.toLocaleDateString(vscode.env.language, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    ...(date.getFullYear() === new Date(now).getFullYear() ? {} : { year: 'numeric' }),
  });
}

/** The time of day. */
export function timeText(at: number): string {
  return new Date(at).toLocaleTimeString(vscode.env.language, { hour: '2-digit', minute: '2-digit' });
}
