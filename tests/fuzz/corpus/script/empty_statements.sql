;;  ; -- nothing
;