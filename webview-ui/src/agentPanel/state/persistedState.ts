/** What survives a reload of the window. Everything else comes from the server. */
export interface PersistedState {
  readonly sessionId: string | null;
  readonly draft: string;
  /** The model picked before the first prompt of a conversation that does not exist yet. */
  readonly chosenModel: string | null;
}

const nothing: PersistedState = { sessionId: null, draft: '', chosenModel: null };

/** Reads what a former life of the view wrote; anything of another shape counts as nothing. */
export function readPersistedState(value: unknown): PersistedState {
  if (typeof value !== 'object' || value === null) return nothing;
  const text = (key: keyof PersistedState): string | null => {
    const field: unknown = Reflect.get(value, key);
    return typeof field === 'string' ? field : null;
  };
  return { sessionId: text('sessionId'), draft: text('draft') ?? '', chosenModel: text('chosenModel') };
}
