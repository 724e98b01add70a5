"""Plans the memory of a program: lifetimes, sharing, and offsets in the arena.

problem    what is asked: items and tasks
values     which bytes of different items are the same
sharing    views and results in place become rigid groups
blocks     groups as rectangles of time and bytes; the bytes that no placing can do without
placing    offsets by lowest gaps in several orders, and a search among orders
exact      the least arena of a few blocks, proved
order      another order of independent tasks, where that lowers the peak
choosing   how much is shared: the most is not always the best
plan       all of it in turn
"""

from pyexport.lower.memory.plan import MemoryPlan, plan_memory
from pyexport.lower.memory.problem import ARENA, Item, MemoryProblem, Place, Task, View

__all__ = ["ARENA", "Item", "MemoryPlan", "MemoryProblem", "Place", "Task", "View", "plan_memory"]
