/** A file's text as an agent sees it. */
export interface FileText {
  readonly text: string;
  /** The text is that of an editor's buffer, unsaved changes included. */
  readonly fromBuffer: boolean;
  /** Bytes that are no valid text were replaced by U+FFFD, so writing `text` back would change them. */
  readonly isLossy: boolean;
}

/** The only way in which the server reads the files of a workspace. */
export interface EditorHost {
  /**
   * Reads a file by its absolute path. Rejects with a `CodedError`: `NotFound`, `TooLarge`, `Unsupported` (not text, or
   * not a regular file), `Unavailable` (the disk refused), `Cancelled`.
   */
  readText(path: string, signal?: AbortSignal): Promise<FileText>;
}
