/** What survives a reload of the window. Everything else comes from the server. */
export interface PersistedState {
  readonly sessionId: string | null;
  readonly draft: string;
  /** The model picked before the first prompt of a conversation that does not exist yet. */
  readonly chosenModel: string | null;
  /** See `AgentPanelState.dismissedDamage`. */
  readonly dismissedDamage: readonly string[];
}

const nothing: PersistedState = { sessionId: null, draft: '', chosenModel: null, dismissedDamage: [] };

/** Reads what a former life of the view wrote; anything of another shape counts as nothing. */
export function readPersistedState(value: unknown): PersistedState {
  if (typeof value !== 'object' || value === null) return nothing;
  const text = (key: keyof PersistedState): string | null => {
    const field: unknown = Reflect.get(value, key);
    return typeof field === 'string' ? field : null;
  };
  const dismissed: unknown = Reflect.get(value, 'dismissedDamage');
  return {
    sessionId: text('sessionId'),
    draft: text('draft') ?? '',
    chosenModel: text('chosenModel'),
    dismissedDamage: Array.isArray(dismissed) ? dismissed.filter((entry) => typeof entry === 'string') : [],
  };
}
