/** Whom of the clients to ask for a session's next checkpoint. */
export class CheckpointTurns<Session extends object, Client> {
  private readonly rounds = new WeakMap<Session, { readonly offset: number | null; readonly asked: Set<Client> }>();

  /**
   * The first of the candidates that was not asked since the last checkpoint, which is at `offset`: one that was and has left
   * none may hang, or fail at it. Once all were asked, the first again.
   */
  choose(session: Session, offset: number | null, candidates: readonly Client[]): Client | undefined {
    let round = this.rounds.get(session);
    if (round?.offset !== offset || candidates.every((client) => round?.asked.has(client))) {
      round = { offset, asked: new Set() };
      this.rounds.set(session, round);
    }
    const chosen = candidates.find((client) => !round.asked.has(client));
    if (chosen !== undefined) round.asked.add(chosen);
    return chosen;
  }
}
