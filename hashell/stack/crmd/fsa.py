"""The controller's state machine as data: next states, actions of each input, order of actions.

The tables are those of the daemons specification, section 3.1. `step()` is the whole mechanism; what an action does
is the controller's business. The manual's state diagram is drawn from the same tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    """A state; the value is the name that `ping` answers with."""

    IDLE = "S_IDLE"
    ELEC = "S_ELECTION"
    INT = "S_INTEGRATION"
    FIN = "S_FINALIZE_JOIN"
    NDC = "S_NOT_DC"
    PE = "S_POLICY_ENGINE"
    REC = "S_RECOVERY"
    REL = "S_RELEASE_DC"
    STA = "S_STARTING"
    PEN = "S_PENDING"
    STO = "S_STOPPING"
    TER = "S_TERMINATE"
    TE = "S_TRANSITION_ENGINE"
    HLT = "S_HALT"


#: Next state by input (row) and state (column); a dot leaves the state as it is.
_NEXT_STATES: Final = """
    input           IDLE ELEC INT  FIN  NDC  PE   REC REL STA PEN  STO TER TE   HLT
    NULL            .    .    .    .    .    .    .   .   .   .    .   .   .    .
    CIB_OP          .    .    .    .    .    .    .   .   .   .    .   .   .    .
    CIB_UPDATE      .    .    .    .    REC  .    .   .   REC REC  .   .   .    .
    DC_TIMEOUT      REC  .    REC  REC  ELEC REC  .   REC .   ELEC .   .   REC  ELEC
    ELECTION        ELEC .    ELEC ELEC ELEC ELEC .   .   .   ELEC .   .   ELEC .
    PE_CALC         PE   .    .    .    .    .    .   .   REC .    .   .   PE   .
    RELEASE_DC      REL  REL  REL  REL  .    REL  .   .   REC .    .   .   REL  .
    ELECTION_DC     INT  INT  .    INT  INT  INT  .   .   REC .    .   .   INT  .
    ERROR           REC  REC  REC  REC  REC  REC  .   REC REC REC  TER .   REC  REC
    FAIL            REC  REL  .    INT  REC  INT  .   .   STO STO  .   .   PE   REL
    INTEGRATED      .    .    FIN  .    .    .    .   .   REC REC  .   .   .    .
    FINALIZED       .    .    .    PE   .    .    .   .   REC REC  .   .   .    .
    NODE_JOIN       INT  .    .    INT  .    INT  .   .   REC .    .   .   INT  .
    NOT_DC          REC  .    REC  REC  .    REC  .   .   REC NDC  .   .   REC  .
    RECOVERED       .    .    .    INT  .    .    PEN .   .   .    .   .   .    .
    RELEASE_FAIL    STO  STO  STO  STO  .    STO  STO STO REC .    .   .   STO  .
    RELEASE_SUCCESS REC  .    REC  REC  .    REC  .   PEN REC .    .   .   REC  .
    RESTART         .    .    .    .    .    .    .   .   .   .    .   .   .    .
    TE_SUCCESS      .    .    .    .    .    .    .   .   REC .    .   .   IDLE .
    ROUTER          .    .    .    .    .    .    .   .   .   .    .   .   .    .
    SHUTDOWN        PE   .    .    .    .    .    STO .   STO .    .   .   PE   ELEC
    STOP            STO  STO  STO  STO  STO  STO  STO STO STO STO  .   .   STO  STO
    TERMINATE       TER  TER  TER  TER  TER  TER  TER TER TER TER  TER .   TER  TER
    STARTUP         REC  REC  REC  REC  REC  REC  .   .   .   .    .   .   REC  .
    PE_SUCCESS      .    .    .    .    .    TE   .   .   REC .    .   .   .    .
    JOIN_OFFER      .    .    .    .    PEN  .    .   .   .   .    .   .   .    .
    JOIN_REQUEST    INT  .    .    INT  .    INT  .   .   .   .    .   .   INT  .
    JOIN_RESULT     INT  .    .    .    PEN  INT  .   .   REC .    .   .   INT  .
    WAIT_FOR_EVENT  .    .    .    .    .    .    .   .   .   .    .   .   .    .
    DC_HEARTBEAT    .    .    .    .    .    .    .   .   .   .    .   .   .    .
    LRM_EVENT       .    .    .    .    .    .    .   .   .   .    .   .   .    .
    PENDING         PEN  PEN  PEN  PEN  PEN  PEN  .   .   PEN .    .   .   PEN  .
    HALT            HLT  HLT  HLT  HLT  HLT  HLT  .   .   .   HLT  .   .   HLT  .
"""

#: Actions by input: alternatives separated by `;` or a line's end, each for the listed states, `else` or `all`.
_ACTIONS: Final = """
    NULL  all: NOTHING
    CIB_OP  all: ERROR
    CIB_UPDATE  else: WARN; IDLE,ELEC,PE,TE: LOG
    DC_TIMEOUT  else: WARN
        REC,STO,TER: NOTHING; NDC,PEN: ELECTION_VOTE+WARN; ELEC: ELECTION_VOTE; TE: TE_CANCEL+WARN
    ELECTION  else: ELECTION_VOTE; REC,REL,STO,TER: LOG; STA: WARN
    PE_CALC  else: NOTHING; IDLE,PE,TE: PE_INVOKE; NDC,PEN,STO: WARN; STA,TER,HLT: ERROR
    RELEASE_DC  else: O_RELEASE+WARN
        NDC,PEN,STO,TER,HLT: WARN; IDLE,ELEC,REC: O_RELEASE; STA: ERROR
    ELECTION_DC  else: WARN+ELECTION_VOTE
        REC,STO,TER,HLT: WARN; INT,FIN: WARN+ELECTION_VOTE+DC_JOIN_OFFER_ALL; STA,PEN: LOG+WARN
        ELEC: LOG+DC_TAKEOVER+PE_START+TE_START+DC_JOIN_OFFER_ALL+DC_TIMER_STOP; NDC: LOG+ELECTION_VOTE
    ERROR  else: ERROR+RECOVER+O_RELEASE+ELECTION_START
        NDC,REL,STA,PEN: ERROR+RECOVER; STO,TER: ERROR+EXIT_1; ELEC: ERROR+RECOVER+O_RELEASE
        REC: ERROR+O_RELEASE
    FAIL  else: WARN
        INT,FIN: WARN+DC_JOIN_OFFER_ALL; PE: WARN+DC_JOIN_OFFER_ALL+TE_CANCEL; REC: WARN+O_RELEASE
        TER: WARN+EXIT_1; TE: WARN+O_LRM_RECONNECT+PE_INVOKE+TE_CANCEL
    INTEGRATED  else: WARN; IDLE,PE,TE: NOTHING; INT: DC_JOIN_FINALIZE
    FINALIZED  else: WARN; IDLE,PE,TE: NOTHING; FIN: DC_JOIN_FINAL+TE_CANCEL
    NODE_JOIN  else: WARN; INT,FIN,PE: DC_JOIN_OFFER_ONE; IDLE,TE: TE_HALT+DC_JOIN_OFFER_ONE
    NOT_DC  else: ERROR+O_RELEASE
        STA,STO,TER,HLT: WARN; IDLE: WARN+O_RELEASE; ELEC: ERROR+ELECTION_START+DC_TIMER_STOP; NDC: LOG
        PEN: LOG+DC_TIMER_STOP
    RECOVERED  else: WARN; ELEC: ELECTION_VOTE; REC: LOG
    RELEASE_FAIL  else: WARN; PE,REL: NOTHING; REC: WARN+SHUTDOWN_REQ
    RELEASE_SUCCESS  else: WARN; REL,PEN: LOG
    RESTART  else: LOG
        IDLE: NOTHING; ELEC: LOG+ELECTION_VOTE; INT: LOG+DC_JOIN_OFFER_ALL; FIN: LOG+DC_JOIN_FINALIZE
        NDC: LOG+NOTHING; PE: LOG+PE_INVOKE; REC: LOG+RECOVER+O_RELEASE; REL: LOG+O_RELEASE
        TE: LOG+TE_INVOKE; HLT: WARN
    TE_SUCCESS  else: WARN; NDC,STA,PEN: ERROR; IDLE,TE: LOG; REC: RECOVER+WARN
    ROUTER  else: MSG_ROUTE; HLT: WARN+MSG_ROUTE
    SHUTDOWN  else: LOG+SHUTDOWN_REQ
        NDC,PEN: SHUTDOWN_REQ; REL,TE: WARN+SHUTDOWN_REQ; STO,TER: LOG
        ELEC: LOG+SHUTDOWN_REQ+ELECTION_VOTE; REC: WARN+O_EXIT+O_RELEASE; STA: WARN+O_EXIT
        HLT: WARN+ELECTION_START+SHUTDOWN_REQ
    STOP  else: ERROR+O_RELEASE+O_EXIT
        NDC,STA,PEN,STO: O_EXIT; INT,PE: WARN+O_RELEASE+O_EXIT; ELEC: O_RELEASE+O_EXIT; TER: ERROR+EXIT_1
        TE: LOG+O_RELEASE+O_EXIT; HLT: O_RELEASE+O_EXIT+WARN
    TERMINATE  else: ERROR+O_EXIT; STA,STO,TER: O_EXIT
    STARTUP  else: WARN
        STA: LOG+STARTUP+CIB_START+LRM_CONNECT+HA_CONNECT+READCONFIG+STARTED; PEN: LOG
    PE_SUCCESS  else: LOG
        ELEC,INT,FIN,HLT: WARN; STA,STO,TER: ERROR; NDC: NOTHING; PE: TE_INVOKE; REC: RECOVER+LOG
    JOIN_OFFER  else: WARN+CL_JOIN_REQUEST
        STA,STO,TER: LOG; INT,FIN: CL_JOIN_REQUEST; NDC,PEN: CL_JOIN_REQUEST+DC_TIMER_STOP
        REC,REL: WARN+CL_JOIN_REQUEST+DC_TIMER_STOP; ELEC: WARN+ELECTION_VOTE; HLT: WARN
    JOIN_REQUEST  else: WARN; IDLE,FIN,PE,TE: DC_JOIN_OFFER_ONE; INT: DC_JOIN_PROCESS_REQ
    JOIN_RESULT  else: ERROR+TE_HALT+DC_JOIN_OFFER_ALL
        ELEC,REC,REL: LOG; STA,STO,TER: ERROR; INT: LOG+CL_JOIN_RESULT+DC_JOIN_PROCESS_ACK
        FIN: CL_JOIN_RESULT+DC_JOIN_PROCESS_ACK; NDC: ERROR+CL_JOIN_ANNOUNCE; PEN: CL_JOIN_RESULT
        HLT: WARN
    WAIT_FOR_EVENT  else: LOG; HLT: WARN
    DC_HEARTBEAT  else: ERROR
        NDC,REC,STO,TER: NOTHING; REL,STA: LOG; ELEC: WARN+ELECTION_VOTE; PEN: LOG+CL_JOIN_ANNOUNCE
        HLT: WARN
    LRM_EVENT  else: LRM_EVENT; HLT: WARN
    PENDING  else: O_RELEASE+O_DC_TIMER_RESTART
        REC,STO,TER,HLT: WARN; NDC,PEN: LOG+O_DC_TIMER_RESTART; REL: WARN+O_DC_TIMER_RESTART
        STA: LOG+DC_TIMER_START+CL_JOIN_QUERY
    HALT  all: WARN
"""

#: Actions that stand for several others.
_COMPOSITES: Final = MappingProxyType(
    {
        "O_EXIT": ("SHUTDOWN", "STOP", "LRM_DISCONNECT", "HA_DISCONNECT", "EXIT_0", "CIB_STOP"),
        "O_RELEASE": ("DC_TIMER_STOP", "DC_RELEASE", "PE_STOP", "TE_STOP", "DC_RELEASED"),
        "O_DC_TIMER_RESTART": ("DC_TIMER_STOP", "DC_TIMER_START"),
    }
)

#: The order in which actions that are due together are done.
_PRIORITY: Final = """
    ERROR WARN LOG EXIT_1 O_LRM_RECONNECT STARTUP CIB_START HA_CONNECT READCONFIG LRM_CONNECT TE_START PE_START
    DC_TIMER_STOP MSG_ROUTE RECOVER CL_JOIN_RESULT CL_JOIN_REQUEST SHUTDOWN_REQ ELECTION_VOTE ELECTION_COUNT
    LRM_EVENT STARTED CL_JOIN_QUERY DC_TIMER_START DC_TAKEOVER DC_RELEASE DC_JOIN_FINAL ELECTION_CHECK
    ELECTION_START DC_JOIN_OFFER_ALL DC_JOIN_OFFER_ONE DC_JOIN_PROCESS_REQ DC_JOIN_PROCESS_ACK
    DC_JOIN_FINALIZE CL_JOIN_ANNOUNCE TE_HALT TE_CANCEL LRM_INVOKE PE_INVOKE TE_INVOKE DC_RELEASED PE_STOP
    TE_STOP SHUTDOWN LRM_DISCONNECT HA_DISCONNECT CIB_STOP STOP EXIT_0
"""
PRIORITY: Final = tuple(_PRIORITY.split())

#: Actions that make no sense any more once the controller is stopping.
STARTUP_ACTIONS: Final = frozenset(
    {"STARTUP", "CIB_START", "LRM_CONNECT", "HA_CONNECT", "READCONFIG", "STARTED", "CL_JOIN_QUERY"}
)


def _next_states() -> dict[tuple[str, State], State]:
    header, *rows = [line.split() for line in _NEXT_STATES.strip().splitlines()]
    return {
        (row[0], State[column]): State[column if cell == "." else cell]
        for row in rows
        for column, cell in zip(header[1:], row[1:], strict=True)
    }


def _actions() -> dict[tuple[str, State], tuple[str, ...]]:
    table: dict[tuple[str, State], tuple[str, ...]] = {}
    rest: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in _ACTIONS.strip("\n").splitlines():
        if not line.startswith("        "):
            name, _, line = line.strip().partition("  ")
        for alternative in line.strip().split("; "):
            states, _, words = alternative.partition(": ")
            if states in ("else", "all"):
                rest[name] = _expand(words)
            else:
                table.update({(name, State[state]): _expand(words) for state in states.split(",")})
    for event, actions in rest.items():
        for state in State:
            table.setdefault((event, state), actions)
    return table


def _expand(words: str) -> tuple[str, ...]:
    single = [part for word in words.split("+") for part in _COMPOSITES.get(word, (word,)) if part != "NOTHING"]
    return tuple(sorted(set(single), key=PRIORITY.index))


NEXT_STATE: Final[Mapping[tuple[str, State], State]] = MappingProxyType(_next_states())
ACTIONS: Final[Mapping[tuple[str, State], tuple[str, ...]]] = MappingProxyType(_actions())


def step(state: State, event: str) -> tuple[State, tuple[str, ...]]:
    """The next state and the actions, in their order, of input `event` (without `I_`). Raises KeyError on no input."""
    return NEXT_STATE[event, state], ACTIONS[event, state]
