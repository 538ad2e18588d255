package templates

import (
	"io"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/sluice-operator/sluice/internal/fault"
)

const (
	// mainTemplate is the name of the text itself, one that a {{ define }} in it will not use.
	mainTemplate = "(main)"
	// maxActions and maxDepth bound the stack that parsing and executing take.
	maxActions = 10_000
	maxDepth   = 500

	// The functions that the engine inserts. No template can name them, since the parser does not know them.
	stepFunction  = "_step"
	enterFunction = "_enter"
	leaveFunction = "_leave"
	holdFunction  = "_hold"
	textFunction  = "_text"
	printFunction = "_print"
)

// program is a parsed template with the engine's own calls in it. It is immutable.
type program struct {
	trees map[string]*parse.Tree
	calls map[string]bool
}

// parseProgram returns a parser's error as it is: it may quote the template.
func parseProgram(text, left, right string, functions map[string]any) (*program, error) {
	if strings.Count(text, left) > maxActions {
		return nil, fault.New(fault.Invalid, "the template has more than %d actions", maxActions)
	}
	trees, err := parse.Parse(mainTemplate, text, left, right, functions, builtins())
	if err != nil {
		return nil, err
	}
	p := &program{trees: trees, calls: map[string]bool{}}
	for _, tree := range trees {
		if err := p.list(tree.Root, 0); err != nil {
			return nil, err
		}
		at := tree.Root.Pos
		tree.Root.Nodes = append(append([]parse.Node{inserted(enterFunction, at)}, tree.Root.Nodes...), inserted(leaveFunction, at))
	}
	return p, nil
}

// builtins returns the functions of text/template that the engine leaves as they are: none makes a value that it did not get.
func builtins() map[string]any {
	names := map[string]any{}
	for _, name := range []string{"and", "call", "eq", "ge", "gt", "index", "le", "len", "lt", "ne", "not", "or"} {
		names[name] = true
	}
	return names
}

// run executes the program once. Only the functions that it calls are wrapped, which makes a run cheap.
func (p *program) run(out io.Writer, m *meter, functions map[string]any) error {
	bound := m.hidden()
	for name := range p.calls {
		if fn, ok := functions[name]; ok {
			bound[name] = m.wrap(name, fn)
		}
	}
	t := template.New(mainTemplate).Option("missingkey=error").Funcs(bound)
	for name, tree := range p.trees {
		if _, err := t.AddParseTree(name, tree); err != nil {
			return err
		}
	}
	return t.Execute(out, m.data)
}

// list inserts the engine's calls into nodes and everything below.
func (p *program) list(nodes *parse.ListNode, depth int) error {
	if nodes == nil {
		return nil
	}
	for _, node := range nodes.Nodes {
		if err := p.node(node, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) node(node parse.Node, depth int) error {
	if depth > maxDepth {
		return fault.New(fault.Invalid, "the template is nested more than %d levels deep", maxDepth)
	}
	switch n := node.(type) {
	case *parse.ActionNode:
		return p.action(n, depth)
	case *parse.IfNode:
		return p.branch(&n.BranchNode, depth)
	case *parse.WithNode:
		return p.branch(&n.BranchNode, depth)
	case *parse.RangeNode:
		return p.loop(n, depth)
	case *parse.TemplateNode:
		return p.pipe(n.Pipe, depth)
	case *parse.PipeNode:
		return p.pipe(n, depth)
	case *parse.ChainNode:
		return p.node(n.Node, depth+1)
	case *parse.IdentifierNode:
		p.calls[n.Ident] = true
	}
	return nil
}

func (p *program) action(n *parse.ActionNode, depth int) error {
	single := len(n.Pipe.Cmds) == 1
	if err := p.pipe(n.Pipe, depth); err != nil {
		return err
	}
	if len(n.Pipe.Decl) > 0 {
		return nil
	}
	if single {
		// What is printed as it stands has to be there. Printing measures it, too.
		n.Pipe.Cmds = n.Pipe.Cmds[:1]
	}
	n.Pipe.Cmds = append(n.Pipe.Cmds, command(printFunction, n.Pos))
	return nil
}

func (p *program) loop(n *parse.RangeNode, depth int) error {
	if err := p.branch(&n.BranchNode, depth); err != nil {
		return err
	}
	n.List.Nodes = append([]parse.Node{inserted(stepFunction, n.Pos)}, n.List.Nodes...)
	return nil
}

func (p *program) branch(n *parse.BranchNode, depth int) error {
	if err := p.pipe(n.Pipe, depth); err != nil {
		return err
	}
	if err := p.list(n.List, depth); err != nil {
		return err
	}
	return p.list(n.ElseList, depth)
}

func (p *program) pipe(pipe *parse.PipeNode, depth int) error {
	if pipe == nil {
		return nil
	}
	var commands []*parse.CommandNode
	for i, cmd := range pipe.Cmds {
		for _, arg := range cmd.Args {
			if err := p.node(arg, depth+1); err != nil {
				return err
			}
		}
		commands = append(commands, cmd)
		_, isFunction := cmd.Args[0].(*parse.IdentifierNode)
		if !isFunction && (i > 0 || len(cmd.Args) > 1) {
			// A method with arguments, such as Format of a date, may make something large.
			commands = append(commands, command(holdFunction, cmd.Pos))
		}
		if from := indexed(cmd); from != nil {
			commands = append(commands, command(textFunction, cmd.Pos, from))
		}
	}
	pipe.Cmds = commands
	return nil
}

// indexed returns what an index command looks into, where that may be the template's data; nil for every other command.
func indexed(cmd *parse.CommandNode) parse.Node {
	if name, ok := cmd.Args[0].(*parse.IdentifierNode); !ok || name.Ident != "index" || len(cmd.Args) < 2 {
		return nil
	}
	switch from := cmd.Args[1].(type) {
	case *parse.DotNode, *parse.VariableNode:
		return from
	}
	return nil
}

func command(function string, at parse.Pos, args ...parse.Node) *parse.CommandNode {
	name := parse.NewIdentifier(function).SetPos(at)
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: at, Args: append([]parse.Node{name}, args...)}
}

func inserted(function string, at parse.Pos) *parse.ActionNode {
	pipe := &parse.PipeNode{NodeType: parse.NodePipe, Pos: at, Cmds: []*parse.CommandNode{command(function, at)}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: at, Pipe: pipe}
}
