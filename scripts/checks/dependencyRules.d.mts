/** The configuration of dependency-cruiser. */
declare const configuration: {
  readonly forbidden: readonly object[];
  readonly options: Readonly<Record<string, unknown>>;
};
export default configuration;
