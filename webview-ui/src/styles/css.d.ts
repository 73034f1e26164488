/** Style sheets are bundled beside the script of the view that imports them. */
declare module '*.css';
