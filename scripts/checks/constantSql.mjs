/**
 * What is handed to a parameter named `sql`, as the engine's are, is a constant: of a type that is one text, or a choice
 * of several. A text that was put together at run time is of type `string`, whatever variable it has come through.
 * Inside a function its own parameter `sql` is handed on, since whoever calls that is looked at in the same way. And a
 * function that takes SQL is called by its name, not handed around, for then nobody sees what it is given.
 */
export const constantSql = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      notConstant:
        'SQL is a constant (a template made of constants is one with `as const`); values are bound as parameters.',
      handedAround: 'What takes SQL is called by its name, so that it can be seen what it is given.',
    },
  },
  create(context) {
    const services = context.sourceCode.parserServices;
    const checker = services.program.getTypeChecker();

    function isConstant(node) {
      const type = services.getTypeAtLocation(node);
      return (type.isUnion() ? type.types : [type]).every((part) => part.isStringLiteral());
    }

    function isOwnParameter(node) {
      if (node.name !== 'sql') return false;
      const references = context.sourceCode.getScope(node).references;
      const variable = references.find(({ identifier }) => identifier === node)?.resolved;
      const isParameter = variable?.defs.every((one) => one.type === 'Parameter' && one.node.params.includes(one.name));
      return isParameter && !variable.references.some((one) => one.isWrite());
    }

    function takesSql(node) {
      const signatures = services.getTypeAtLocation(node).getCallSignatures();
      return signatures.some(({ parameters }) => parameters.some(({ name }) => name === 'sql'));
    }

    return {
      CallExpression(node) {
        for (const each of node.arguments)
          if (takesSql(each)) context.report({ node: each, messageId: 'handedAround' });
        const parameters = checker.getResolvedSignature(services.esTreeNodeToTSNodeMap.get(node))?.parameters ?? [];
        const place = parameters.findIndex(({ name }) => name === 'sql');
        const argument = place === -1 ? undefined : node.arguments[place];
        if (!argument || isConstant(argument) || isOwnParameter(argument)) return;
        context.report({ node: argument, messageId: 'notConstant' });
      },
      MemberExpression(node) {
        // As an argument it is looked at with the call.
        if (node.parent.type !== 'CallExpression' && takesSql(node))
          context.report({ node, messageId: 'handedAround' });
      },
    };
  },
};
