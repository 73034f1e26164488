/** Something that is given back once; its creator owns it. */
export interface Disposable {
  dispose(): void;
}
