//! What owning a node costs, to the cent.
