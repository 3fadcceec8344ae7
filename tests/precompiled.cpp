// For a precompiled header there must be something to compile.
