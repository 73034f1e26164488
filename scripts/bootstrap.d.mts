/** Why `npm ci` is needed in `folder`, or undefined when node_modules holds what package-lock.json asks for. */
export declare function installationGap(folder: string): string | undefined;
