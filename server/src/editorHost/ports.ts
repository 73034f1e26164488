/** What is needed of an attached editor: `Client` of an editor fits. */
export interface BufferReader {
  request(
    method: 'editor/readBuffer',
    params: { readonly path: string },
    signal?: AbortSignal,
  ): Promise<{ readonly text: string | null; readonly isDirty: boolean }>;
}
